// A = relu(x * scale + shift): batch normalisation and ReLU of a column prefix, for one chunk of rows.
//
// This is the output that the technical report keeps in shared storage (Pleiss et al. 2017, section 3); here it
// is as large as a chunk that stays in the L2 cache, and the matrix product that follows reads it from there.
//
// Shapes    x [rows, channels] with stride, affine [2, channels] = scale, shift; out [rows, channels]
// Bytes     4 * rows * channels read, as many written; 8 * channels of vectors read
// Geometry  tiled, see common.cuh
#include "common.cuh"

template <int V, class T>
__device__ void normalise_relu(const T* x, int xStride, const float* affine, int affineStride, T* out,
                               int outStride, int rows, int channels, int rowsPerTile) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    const Channels<V> scale = load<V>(affine + c);
    const Channels<V> shift = load<V>(affine + affineStride + c);
    for_rows<ROWS_AT_ONCE<V, 1, T>>(
        rows_of_tile(rows, rowsPerTile), [&](int r) { return load<V>(x + at(r, xStride, c)); },
        [&](int r, Channels<V> value) {
            Channels<V> a = normalised(value, scale, shift);
#pragma unroll
            for (int i = 0; i < V; i++) {
                a.v[i] = relu(a.v[i]);
            }
            store(out + at(r, outStride, c), a);
        });
}

TYPED_KERNEL(normalise_relu,
             (const Stored* x, int xStride, const float* affine, int affineStride, Stored* out, int outStride,
              int rows, int channels, int rowsPerTile),
             (x, xStride, affine, affineStride, out, outStride, rows, channels, rowsPerTile))

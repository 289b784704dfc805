// Residual sums and normalisations without a ReLU behind them (He et al. 2015, arXiv 1512.03385, section 3.2).
//
// normalise        out = x * scale + shift
// add_normalised   out = x * scale + shift + addend, then max(0, out) if asked; in place of either operand, too
// mask_positive    gradient = output > 0 ? gradient : 0: backward through a ReLU whose output is stored
//
// Shapes    x, addend, out, gradient, output [rows, channels] with strides; affine [2, channels] = scale, shift
// Bytes     4 * rows * channels for each matrix that is read and for each that is written; the gradient is both;
//           8 * channels of vectors read
// Geometry  tiled, see common.cuh
#include "common.cuh"

template <int V, class T>
__device__ void normalise(const T* x, int xStride, const float* affine, int affineStride, T* out, int outStride,
                          int rows, int channels, int rowsPerTile) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    const Channels<V> scale = load<V>(affine + c);
    const Channels<V> shift = load<V>(affine + affineStride + c);
    for_rows<ROWS_AT_ONCE<V, 1, T>>(
        rows_of_tile(rows, rowsPerTile), [&](int r) { return load<V>(x + at(r, xStride, c)); },
        [&](int r, Channels<V> value) { store(out + at(r, outStride, c), normalised(value, scale, shift)); });
}

TYPED_KERNEL(normalise,
             (const Stored* x, int xStride, const float* affine, int affineStride, Stored* out, int outStride,
              int rows, int channels, int rowsPerTile),
             (x, xStride, affine, affineStride, out, outStride, rows, channels, rowsPerTile))

template <int V, class T>
__device__ void add_normalised(const T* x, int xStride, const float* affine, int affineStride, const T* addend,
                               int addendStride, int withRelu, T* out, int outStride, int rows, int channels,
                               int rowsPerTile) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    const Channels<V> scale = load<V>(affine + c);
    const Channels<V> shift = load<V>(affine + affineStride + c);
    struct Fetched {
        Channels<V> value;
        Channels<V> addend;
    };
    for_rows<ROWS_AT_ONCE<V, 2, T>>(
        rows_of_tile(rows, rowsPerTile),
        [&](int r) {
            return Fetched{load<V>(x + at(r, xStride, c)), load<V>(addend + at(r, addendStride, c))};
        },
        [&](int r, const Fetched& f) {
            Channels<V> sum = normalised(f.value, scale, shift);
#pragma unroll
            for (int i = 0; i < V; i++) {
                sum.v[i] += f.addend.v[i];
                sum.v[i] = withRelu ? relu(sum.v[i]) : sum.v[i];
            }
            store(out + at(r, outStride, c), sum);
        });
}

TYPED_KERNEL(add_normalised,
             (const Stored* x, int xStride, const float* affine, int affineStride, const Stored* addend,
              int addendStride, int withRelu, Stored* out, int outStride, int rows, int channels, int rowsPerTile),
             (x, xStride, affine, affineStride, addend, addendStride, withRelu, out, outStride, rows, channels,
              rowsPerTile))

template <int V, class T>
__device__ void mask_positive(T* gradient, int gradientStride, const T* output, int outputStride, int rows,
                              int channels, int rowsPerTile) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    struct Fetched {
        Channels<V> gradient;
        Channels<V> output;
    };
    for_rows<ROWS_AT_ONCE<V, 2, T>>(
        rows_of_tile(rows, rowsPerTile),
        [&](int r) {
            return Fetched{load<V>(gradient + at(r, gradientStride, c)), load<V>(output + at(r, outputStride, c))};
        },
        [&](int r, Fetched f) {
#pragma unroll
            for (int i = 0; i < V; i++) {
                f.gradient.v[i] = f.output.v[i] > 0.0f ? f.gradient.v[i] : 0.0f;
            }
            store(gradient + at(r, gradientStride, c), f.gradient);
        });
}

TYPED_KERNEL(mask_positive,
             (Stored* gradient, int gradientStride, const Stored* output, int outputStride, int rows, int channels,
              int rowsPerTile),
             (gradient, gradientStride, output, outputStride, rows, channels, rowsPerTile))

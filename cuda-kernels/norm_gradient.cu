// Backward through a batch normalisation without a ReLU behind it, up to the correction: sum(g) and
// sum(g * (x - mean)) of each channel, which become dbeta and dgamma, and blockGradient (+)= weight * g.
//
// Shapes    gradient, x, blockGradient [rows, channels] with strides; mean, weight [channels]; tiles
//           [row tiles, 2, channels]
// Bytes     12 * rows * channels read (8 when overwriting), 4 written; 8 * row tiles * channels of sums written, and
//           8 * channels of vectors read
// Geometry  tiled, see common.cuh; combine_sums follows
#include "common.cuh"

template <int V, class T>
__device__ void accumulate_gradient_of_normalised(const T* gradient, int gradientStride, const T* x,
                                                  int xStride, const float* means, const float* weight, int add,
                                                  T* blockGradient, int blockStride, int rows, int channels,
                                                  int rowsPerTile, float* tiles) {
    const int c = first_channel<V>();
    const bool inside = c < channels;
    Channels<V> sum = zeros<V>();
    Channels<V> products = zeros<V>();
    if (inside) {
        const Channels<V> mean = load<V>(means + c);
        const Channels<V> w = load<V>(weight + c);
        struct Fetched {
            Channels<V> value;
            Channels<V> gradient;
            Channels<V> old;
        };
        for_rows<ROWS_AT_ONCE<V, 3, T>>(
            rows_of_tile(rows, rowsPerTile),
            [&](int r) {
                return Fetched{load<V>(x + at(r, xStride, c)), load<V>(gradient + at(r, gradientStride, c)),
                               add ? load<V>(blockGradient + at(r, blockStride, c)) : zeros<V>()};
            },
            [&](int r, Fetched f) {
#pragma unroll
                for (int i = 0; i < V; i++) {
                    sum.v[i] += f.gradient.v[i];
                    products.v[i] = fmaf(f.gradient.v[i], f.value.v[i] - mean.v[i], products.v[i]);
                    f.old.v[i] = fmaf(w.v[i], f.gradient.v[i], f.old.v[i]);
                }
                store(blockGradient + at(r, blockStride, c), f.old);
            });
    }
    sum_over_rows(sum, products);
    if (inside && threadIdx.y == 0) {
        store(tile_row(tiles, 0, channels) + c, sum);
        store(tile_row(tiles, 1, channels) + c, products);
    }
}

TYPED_KERNEL(accumulate_gradient_of_normalised,
             (const Stored* gradient, int gradientStride, const Stored* x, int xStride, const float* mean,
              const float* weight, int add, Stored* blockGradient, int blockStride, int rows, int channels,
              int rowsPerTile, float* tiles),
             (gradient, gradientStride, x, xStride, mean, weight, add, blockGradient, blockStride, rows, channels,
              rowsPerTile, tiles))

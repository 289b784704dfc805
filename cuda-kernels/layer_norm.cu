// Layer normalisation over the channels of each row (Ba, Kiros and Hinton 2016, arXiv 1607.06450), and its gradient.
//
// layer_norm            h = (x - mean) * inverse, out = h * gamma + beta, inverse = 1 / sqrt(variance + epsilon)
// layer_norm_sums       sum(g) and sum(g * h) of each channel, the gradients of beta and gamma
// layer_norm_gradient   with t = g * gamma: out = inverse * (t - mean(t) - h * mean(t * h))
//
// Shapes    x, gradient, out [rows, channels] with strides; statistics [rows, 2] with stride: mean and inverse;
//           gamma, beta [channels]; tiles [row tiles, 2, channels]
// Bytes     4 * rows * channels for each matrix read (again from L1 and L2 after the first time) or written
// Geometry  a warp a row, blocks of 32 x 8 threads, one dimension of blocks; layer_norm_sums: tiled, see common.cuh,
//           combine_rows follows
#include "common.cuh"
#include "warp_sum.cuh"

template <class T>
__device__ void normalise_row(const T* x, int xStride, const float* gamma, const float* beta, float epsilon,
                              float* statistics, int statisticsStride, T* out, int outStride, int rows, int channels) {
    const int row = blockIdx.x * blockDim.y + threadIdx.y;
    const bool inside = row < rows;  // a warp is a row: all its lanes or none
    const T* from = x + at(inside ? row : 0, xStride, 0);
    float sum = 0.0f;
    for (int c = threadIdx.x; c < channels; c += 32) {
        sum += load_one(from + c);
    }
    const float mean = warp_sum(sum) / channels;
    float squares = 0.0f;
    for (int c = threadIdx.x; c < channels; c += 32) {
        const float d = load_one(from + c) - mean;
        squares = fmaf(d, d, squares);
    }
    const float inverse = 1.0f / sqrtf(warp_sum(squares) / channels + epsilon);
    if (inside && threadIdx.x == 0) {
        statistics[at(row, statisticsStride, 0)] = mean;
        statistics[at(row, statisticsStride, 1)] = inverse;
    }
    for (int c = threadIdx.x; inside && c < channels; c += 32) {
        const float h = (load_one(from + c) - mean) * inverse;
        store_one(out + at(row, outStride, c), fmaf(h, gamma[c], beta[c]));
    }
}

template <class T>
__device__ void row_gradient(const T* gradient, int gradientStride, const T* x, int xStride, const float* gamma,
                             const float* statistics, int statisticsStride, T* out, int outStride, int rows,
                             int channels) {
    const int row = blockIdx.x * blockDim.y + threadIdx.y;
    const bool inside = row < rows;
    const T* from = x + at(inside ? row : 0, xStride, 0);
    const T* g = gradient + at(inside ? row : 0, gradientStride, 0);
    const float mean = statistics[at(inside ? row : 0, statisticsStride, 0)];
    const float inverse = statistics[at(inside ? row : 0, statisticsStride, 1)];
    float sum = 0.0f;
    float products = 0.0f;
    for (int c = threadIdx.x; c < channels; c += 32) {
        const float t = load_one(g + c) * gamma[c];
        sum += t;
        products = fmaf(t, (load_one(from + c) - mean) * inverse, products);
    }
    sum = warp_sum(sum) / channels;
    products = warp_sum(products) / channels;
    for (int c = threadIdx.x; inside && c < channels; c += 32) {
        const float h = (load_one(from + c) - mean) * inverse;
        store_one(out + at(row, outStride, c), inverse * (load_one(g + c) * gamma[c] - sum - h * products));
    }
}

template <int V, class T>
__device__ void layer_norm_sums(const T* gradient, int gradientStride, const T* x, int xStride, const float* statistics,
                                int statisticsStride, int rows, int channels, int rowsPerTile, float* tiles) {
    const int c = first_channel<V>();
    const bool inside = c < channels;
    Channels<V> sum = zeros<V>();
    Channels<V> products = zeros<V>();
    const Rows tile = rows_of_tile(rows, rowsPerTile);
    for (int r = tile.first + threadIdx.y; inside && r < tile.end; r += blockDim.y) {
        const Channels<V> g = load<V>(gradient + at(r, gradientStride, c));
        const Channels<V> value = load<V>(x + at(r, xStride, c));
        const float mean = statistics[at(r, statisticsStride, 0)];
        const float inverse = statistics[at(r, statisticsStride, 1)];
#pragma unroll
        for (int i = 0; i < V; i++) {
            sum.v[i] += g.v[i];
            products.v[i] = fmaf(g.v[i], (value.v[i] - mean) * inverse, products.v[i]);
        }
    }
    sum_over_rows(sum, products);
    if (inside && threadIdx.y == 0) {
        store(tile_row(tiles, 0, channels) + c, sum);
        store(tile_row(tiles, 1, channels) + c, products);
    }
}

TYPED_KERNEL(layer_norm_sums,
             (const Stored* gradient, int gradientStride, const Stored* x, int xStride, const float* statistics,
              int statisticsStride, int rows, int channels, int rowsPerTile, float* tiles),
             (gradient, gradientStride, x, xStride, statistics, statisticsStride, rows, channels, rowsPerTile, tiles))

#define LAYER_NORM(suffix)                                                                                           \
    extern "C" __global__ void __launch_bounds__(THREADS)                                                            \
        layer_norm##suffix(const Stored* x, int xStride, const float* gamma, const float* beta, float epsilon,       \
                           float* statistics, int statisticsStride, Stored* out, int outStride, int rows,            \
                           int channels) {                                                                           \
        normalise_row(x, xStride, gamma, beta, epsilon, statistics, statisticsStride, out, outStride, rows,          \
                      channels);                                                                                     \
    }                                                                                                                \
    extern "C" __global__ void __launch_bounds__(THREADS)                                                            \
        layer_norm_gradient##suffix(const Stored* gradient, int gradientStride, const Stored* x, int xStride,        \
                                    const float* gamma, const float* statistics, int statisticsStride, Stored* out,  \
                                    int outStride, int rows, int channels) {                                         \
        row_gradient(gradient, gradientStride, x, xStride, gamma, statistics, statisticsStride, out, outStride,      \
                     rows, channels);                                                                                \
    }

namespace of_floats {
LAYER_NORM()
}
namespace of_bfloat16 {
LAYER_NORM(_bf16)
}

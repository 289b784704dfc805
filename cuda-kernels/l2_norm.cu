// L2 normalisation over the channels of each row with a scale for each channel (Liu et al. 2015, arXiv 1506.04579, section 3.3),
// and its gradient.
//
// l2_norm            h = x * inverse, out = h * scale, inverse = 1 / sqrt(sum(x * x) + epsilon)
// l2_norm_inverses   inverse of each row
// l2_norm_sums       sum(g * h) of each channel, the gradient of scale
// l2_norm_gradient   with t = g * scale: out = inverse * (t - h * sum(t * h))
//
// Shapes    x, gradient, out [rows, channels] with strides; inverses [rows, 1] with stride; scale [channels];
//           tiles [row tiles, channels]
// Bytes     4 * rows * channels for each matrix read (again from L1 and L2 after the first time) or written
// Geometry  a warp a row, blocks of 32 x 8 threads, one dimension of blocks; l2_norm_sums: tiled, see common.cuh,
//           combine_rows follows
#include "common.cuh"
#include "warp_sum.cuh"

template <class T>
__device__ float inverse_norm(const T* x, float epsilon, int channels) {
    float squares = 0.0f;
    for (int c = threadIdx.x; c < channels; c += 32) {
        const float value = load_one(x + c);
        squares = fmaf(value, value, squares);
    }
    return 1.0f / sqrtf(warp_sum(squares) + epsilon);
}

template <class T>
__device__ void scale_row(const T* x, int xStride, const float* scale, float epsilon, T* out, int outStride, int rows,
                          int channels) {
    const int row = blockIdx.x * blockDim.y + threadIdx.y;
    const bool inside = row < rows;  // a warp is a row: all its lanes or none
    const T* from = x + at(inside ? row : 0, xStride, 0);
    const float inverse = inverse_norm(from, epsilon, channels);
    for (int c = threadIdx.x; inside && c < channels; c += 32) {
        store_one(out + at(row, outStride, c), load_one(from + c) * inverse * scale[c]);
    }
}

template <class T>
__device__ void row_inverse(const T* x, int xStride, float epsilon, float* inverses, int inversesStride, int rows,
                            int channels) {
    const int row = blockIdx.x * blockDim.y + threadIdx.y;
    const bool inside = row < rows;
    const float inverse = inverse_norm(x + at(inside ? row : 0, xStride, 0), epsilon, channels);
    if (inside && threadIdx.x == 0) {
        inverses[at(row, inversesStride, 0)] = inverse;
    }
}

template <class T>
__device__ void scaled_row_gradient(const T* gradient, int gradientStride, const T* x, int xStride, const float* scale,
                                    const float* inverses, int inversesStride, T* out, int outStride, int rows,
                                    int channels) {
    const int row = blockIdx.x * blockDim.y + threadIdx.y;
    const bool inside = row < rows;
    const T* from = x + at(inside ? row : 0, xStride, 0);
    const T* g = gradient + at(inside ? row : 0, gradientStride, 0);
    const float inverse = inverses[at(inside ? row : 0, inversesStride, 0)];
    float products = 0.0f;
    for (int c = threadIdx.x; c < channels; c += 32) {
        products = fmaf(load_one(g + c) * scale[c], load_one(from + c) * inverse, products);
    }
    products = warp_sum(products);
    for (int c = threadIdx.x; inside && c < channels; c += 32) {
        const float h = load_one(from + c) * inverse;
        store_one(out + at(row, outStride, c), inverse * (load_one(g + c) * scale[c] - h * products));
    }
}

template <int V, class T>
__device__ void l2_norm_sums(const T* gradient, int gradientStride, const T* x, int xStride, const float* inverses,
                             int inversesStride, int rows, int channels, int rowsPerTile, float* tiles) {
    const int c = first_channel<V>();
    const bool inside = c < channels;
    Channels<V> products = zeros<V>();
    Channels<V> unused = zeros<V>();
    const Rows tile = rows_of_tile(rows, rowsPerTile);
    for (int r = tile.first + threadIdx.y; inside && r < tile.end; r += blockDim.y) {
        const Channels<V> g = load<V>(gradient + at(r, gradientStride, c));
        const Channels<V> value = load<V>(x + at(r, xStride, c));
        const float inverse = inverses[at(r, inversesStride, 0)];
#pragma unroll
        for (int i = 0; i < V; i++) {
            products.v[i] = fmaf(g.v[i], value.v[i] * inverse, products.v[i]);
        }
    }
    sum_over_rows(products, unused);
    if (inside && threadIdx.y == 0) {
        store(tiles + at(blockIdx.y, channels, c), products);
    }
}

TYPED_KERNEL(l2_norm_sums,
             (const Stored* gradient, int gradientStride, const Stored* x, int xStride, const float* inverses,
              int inversesStride, int rows, int channels, int rowsPerTile, float* tiles),
             (gradient, gradientStride, x, xStride, inverses, inversesStride, rows, channels, rowsPerTile, tiles))

#define L2_NORM(suffix)                                                                                             \
    extern "C" __global__ void __launch_bounds__(THREADS)                                                           \
        l2_norm##suffix(const Stored* x, int xStride, const float* scale, float epsilon, Stored* out, int outStride, \
                        int rows, int channels) {                                                                   \
        scale_row(x, xStride, scale, epsilon, out, outStride, rows, channels);                                      \
    }                                                                                                               \
    extern "C" __global__ void __launch_bounds__(THREADS)                                                           \
        l2_norm_inverses##suffix(const Stored* x, int xStride, float epsilon, float* inverses, int inversesStride,  \
                                 int rows, int channels) {                                                          \
        row_inverse(x, xStride, epsilon, inverses, inversesStride, rows, channels);                                 \
    }                                                                                                               \
    extern "C" __global__ void __launch_bounds__(THREADS)                                                           \
        l2_norm_gradient##suffix(const Stored* gradient, int gradientStride, const Stored* x, int xStride,          \
                                 const float* scale, const float* inverses, int inversesStride, Stored* out,        \
                                 int outStride, int rows, int channels) {                                           \
        scaled_row_gradient(gradient, gradientStride, x, xStride, scale, inverses, inversesStride, out, outStride,  \
                            rows, channels);                                                                        \
    }

namespace of_floats {
L2_NORM()
}
namespace of_bfloat16 {
L2_NORM(_bf16)
}

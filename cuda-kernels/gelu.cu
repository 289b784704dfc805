// The Gaussian error linear unit (Hendrycks and Gimpel 2016, arXiv 1606.08415) with the normal distribution function
// itself, and its gradient.
//
//   gelu            out = x * phi(x)
//   gelu_gradient   out = gradient * (phi(x) + x * density(x))
//
// Shapes    x, gradient, out [rows, channels] with strides, may be the same memory
// Bytes     4 * rows * channels for each matrix read or written
// Geometry  tiled, see common.cuh
#include "common.cuh"

__device__ __forceinline__ float normal_distribution(float x) {
    return 0.5f * erfcf(-0.70710678118654752440f * x);
}

template <int V, class T>
__device__ void gelu(const T* x, int xStride, T* out, int outStride, int rows, int channels, int rowsPerTile) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    for_rows<ROWS_AT_ONCE<V, 1, T>>(
        rows_of_tile(rows, rowsPerTile), [&](int r) { return load<V>(x + at(r, xStride, c)); },
        [&](int r, Channels<V> value) {
#pragma unroll
            for (int i = 0; i < V; i++) {
                value.v[i] *= normal_distribution(value.v[i]);
            }
            store(out + at(r, outStride, c), value);
        });
}

TYPED_KERNEL(gelu,
             (const Stored* x, int xStride, Stored* out, int outStride, int rows, int channels, int rowsPerTile),
             (x, xStride, out, outStride, rows, channels, rowsPerTile))

template <int V, class T>
__device__ void gelu_gradient(const T* gradient, int gradientStride, const T* x, int xStride, T* out, int outStride,
                              int rows, int channels, int rowsPerTile) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    struct Both {
        Channels<V> gradient;
        Channels<V> value;
    };
    for_rows<ROWS_AT_ONCE<V, 2, T>>(
        rows_of_tile(rows, rowsPerTile),
        [&](int r) {
            return Both{load<V>(gradient + at(r, gradientStride, c)), load<V>(x + at(r, xStride, c))};
        },
        [&](int r, Both both) {
#pragma unroll
            for (int i = 0; i < V; i++) {
                const float value = both.value.v[i];
                const float density = 0.39894228040143267794f * expf(-0.5f * value * value);
                both.gradient.v[i] *= fmaf(value, density, normal_distribution(value));
            }
            store(out + at(r, outStride, c), both.gradient);
        });
}

TYPED_KERNEL(gelu_gradient,
             (const Stored* gradient, int gradientStride, const Stored* x, int xStride, Stored* out, int outStride,
              int rows, int channels, int rowsPerTile),
             (gradient, gradientStride, x, xStride, out, outStride, rows, channels, rowsPerTile))

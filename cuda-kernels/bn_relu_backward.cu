// Backward through BN-ReLU, up to the deferred correction (docs/design.md, "Deferred batch-norm backward").
//
// With g the gradient at the ReLU's output where the ReLU let through and 0 elsewhere, every kernel here takes
// sum(g) and sum(g * (x - mean)) of each channel, which become dbeta and dgamma, and
//   mask_relu                          writes g in place
//   accumulate_gradient                adds weight * g to the block's gradient matrix (or overwrites it)
//   accumulate_gradient_average_pool   the same behind a 2x2 average pool: g = pooled gradient / 4
//   accumulate_gradient_global_pool    the same behind a global average pool: g = pooled gradient / pixels
//
// Shapes    gradient, x, blockGradient [rows, channels] with strides; affine [2, channels]; mean, weight
//           [channels]; pooledGradient [images * floor(h/2) * floor(w/2), channels] or [images, channels]
// Bytes     mask_relu: 8 * rows * channels read, 4 written; accumulate: 12 read (8 when overwriting), 4 written;
//           behind pools: 8 (4) read and the pooled gradient, 4 written; all: 8 * row tiles * channels of sums written,
//           and 12 (mask_relu) or 16 * channels of vectors read
// Geometry  tiled, see common.cuh; combine_sums follows
#include "common.cuh"

// g of one row and V channels, not yet masked. Each struct is one place that a gradient can come from.

template <int V, class T>
struct DenseGradient {
    const T* gradient;
    int stride;

    __device__ Channels<V> at_row(int row, int c) const {
        return load<V>(gradient + at(row, stride, c));
    }
};

template <int V, class T>
struct AveragePooledGradient {
    const T* gradient;
    int stride;
    int height;
    int width;

    __device__ Channels<V> at_row(int row, int c) const {
        const int w = row % width;
        const int h = row / width % height;
        const int image = row / width / height;
        const int outHeight = height / 2;
        const int outWidth = width / 2;
        if (h / 2 >= outHeight || w / 2 >= outWidth) {
            return zeros<V>();  // an odd edge, which the pool drops
        }
        Channels<V> g = load<V>(gradient + at((image * outHeight + h / 2) * outWidth + w / 2, stride, c));
#pragma unroll
        for (int i = 0; i < V; i++) {
            g.v[i] *= 0.25f;
        }
        return g;
    }
};

template <int V>
struct GlobalPooledGradient {
    const float* gradient;
    int stride;
    int pixels;
    float share;  // 1 / pixels

    __device__ Channels<V> at_row(int row, int c) const {
        Channels<V> g = load<V>(gradient + at(row / pixels, stride, c));
#pragma unroll
        for (int i = 0; i < V; i++) {
            g.v[i] *= share;
        }
        return g;
    }
};

// Masks g, takes its sums, and hands each masked row to `target.put(row, channel, g, target.old(row, channel))`.
template <int V, class T, class Gradient, class Target>
__device__ void masked_gradient(Gradient source, const T* x, int xStride, const float* affine, int affineStride,
                                const float* means, int rows, int channels, int rowsPerTile, float* tiles,
                                Target target) {
    const int c = first_channel<V>();
    const bool inside = c < channels;
    Channels<V> sum = zeros<V>();
    Channels<V> products = zeros<V>();
    if (inside) {
        const Channels<V> scale = load<V>(affine + c);
        const Channels<V> shift = load<V>(affine + affineStride + c);
        const Channels<V> mean = load<V>(means + c);
        struct Fetched {
            Channels<V> value;
            Channels<V> gradient;
            Channels<V> old;
        };
        for_rows<ROWS_AT_ONCE<V, 3, T>>(
            rows_of_tile(rows, rowsPerTile),
            [&](int r) {
                return Fetched{load<V>(x + at(r, xStride, c)), source.at_row(r, c), target.old(r, c)};
            },
            [&](int r, Fetched f) {
                const Channels<V> n = normalised(f.value, scale, shift);
#pragma unroll
                for (int i = 0; i < V; i++) {
                    f.gradient.v[i] = n.v[i] > 0.0f ? f.gradient.v[i] : 0.0f;
                    sum.v[i] += f.gradient.v[i];
                    products.v[i] = fmaf(f.gradient.v[i], f.value.v[i] - mean.v[i], products.v[i]);
                }
                target.put(r, c, f.gradient, f.old);
            });
    }
    sum_over_rows(sum, products);
    if (inside && threadIdx.y == 0) {
        store(tile_row(tiles, 0, channels) + c, sum);
        store(tile_row(tiles, 1, channels) + c, products);
    }
}

template <int V, class T>
struct WriteInPlace {
    T* gradient;
    int stride;

    __device__ Channels<V> old(int, int) const {
        return zeros<V>();
    }

    __device__ void put(int row, int c, Channels<V> g, Channels<V>) const {
        store(gradient + at(row, stride, c), g);
    }
};

// blockGradient (+)= weight * g; the weight is gamma/sigma.
template <int V, class T>
struct AddWeighted {
    const float* weight;
    T* blockGradient;
    int stride;
    bool add;

    __device__ Channels<V> old(int row, int c) const {
        return add ? load<V>(blockGradient + at(row, stride, c)) : zeros<V>();
    }

    __device__ void put(int row, int c, Channels<V> g, Channels<V> total) const {
        const Channels<V> w = load<V>(weight + c);
#pragma unroll
        for (int i = 0; i < V; i++) {
            total.v[i] = fmaf(w.v[i], g.v[i], total.v[i]);
        }
        store(blockGradient + at(row, stride, c), total);
    }
};

template <int V, class T>
__device__ void mask_relu(T* gradient, int gradientStride, const T* x, int xStride, const float* affine,
                          int affineStride, const float* mean, int rows, int channels, int rowsPerTile,
                          float* tiles) {
    masked_gradient<V>(DenseGradient<V, T>{gradient, gradientStride}, x, xStride, affine, affineStride, mean, rows,
                       channels, rowsPerTile, tiles, WriteInPlace<V, T>{gradient, gradientStride});
}

TYPED_KERNEL(mask_relu,
             (Stored* gradient, int gradientStride, const Stored* x, int xStride, const float* affine,
              int affineStride, const float* mean, int rows, int channels, int rowsPerTile, float* tiles),
             (gradient, gradientStride, x, xStride, affine, affineStride, mean, rows, channels, rowsPerTile,
              tiles))

template <int V, class T>
__device__ void accumulate_gradient(const T* gradient, int gradientStride, const T* x, int xStride,
                                    const float* affine, int affineStride, const float* mean, const float* weight,
                                    int add, T* blockGradient, int blockStride, int rows, int channels,
                                    int rowsPerTile, float* tiles) {
    masked_gradient<V>(DenseGradient<V, T>{gradient, gradientStride}, x, xStride, affine, affineStride, mean, rows,
                       channels, rowsPerTile, tiles, AddWeighted<V, T>{weight, blockGradient, blockStride, add != 0});
}

TYPED_KERNEL(accumulate_gradient,
             (const Stored* gradient, int gradientStride, const Stored* x, int xStride, const float* affine,
              int affineStride, const float* mean, const float* weight, int add, Stored* blockGradient,
              int blockStride, int rows, int channels, int rowsPerTile, float* tiles),
             (gradient, gradientStride, x, xStride, affine, affineStride, mean, weight, add, blockGradient,
              blockStride, rows, channels, rowsPerTile, tiles))

template <int V, class T>
__device__ void accumulate_gradient_average_pool(const T* pooledGradient, int pooledStride, int height,
                                                 int width, const T* x, int xStride, const float* affine,
                                                 int affineStride, const float* mean, const float* weight,
                                                 int add, T* blockGradient, int blockStride, int rows,
                                                 int channels, int rowsPerTile, float* tiles) {
    masked_gradient<V>(AveragePooledGradient<V, T>{pooledGradient, pooledStride, height, width}, x, xStride, affine,
                       affineStride, mean, rows, channels, rowsPerTile, tiles,
                       AddWeighted<V, T>{weight, blockGradient, blockStride, add != 0});
}

TYPED_KERNEL(accumulate_gradient_average_pool,
             (const Stored* pooledGradient, int pooledStride, int height, int width, const Stored* x, int xStride,
              const float* affine, int affineStride, const float* mean, const float* weight, int add,
              Stored* blockGradient, int blockStride, int rows, int channels, int rowsPerTile, float* tiles),
             (pooledGradient, pooledStride, height, width, x, xStride, affine, affineStride, mean, weight, add,
              blockGradient, blockStride, rows, channels, rowsPerTile, tiles))

template <int V, class T>
__device__ void accumulate_gradient_global_pool(const float* pooledGradient, int pooledStride, int pixels,
                                                const T* x, int xStride, const float* affine,
                                                int affineStride, const float* mean, const float* weight,
                                                int add, T* blockGradient, int blockStride, int rows,
                                                int channels, int rowsPerTile, float* tiles) {
    masked_gradient<V>(GlobalPooledGradient<V>{pooledGradient, pooledStride, pixels, 1.0f / pixels}, x, xStride,
                       affine, affineStride, mean, rows, channels, rowsPerTile, tiles,
                       AddWeighted<V, T>{weight, blockGradient, blockStride, add != 0});
}

TYPED_KERNEL(accumulate_gradient_global_pool,
             (const float* pooledGradient, int pooledStride, int pixels, const Stored* x, int xStride,
              const float* affine, int affineStride, const float* mean, const float* weight, int add,
              Stored* blockGradient, int blockStride, int rows, int channels, int rowsPerTile, float* tiles),
             (pooledGradient, pooledStride, pixels, x, xStride, affine, affineStride, mean, weight, add,
              blockGradient, blockStride, rows, channels, rowsPerTile, tiles))

// The backward pass of a 3x3/2 max-pool behind BN-ReLU, the ImageNet stem's: each output's gradient goes to its first
// largest input, if that is above 0, which masks the ReLU as well. Every input pixel gathers from the one to four windows
// it lies in and finds out by looking again whether it was their maximum: no positions are stored, no atomics.
//
// max_pool_backward            out = g, the gradient that was gathered
// sum_max_pool_gradient        sum(g) and sum(g * (x - mean)) of each channel, which become dbeta and dgamma; g is not stored
// corrected_max_pool_gradient  out = a * g + b + c * (x - mean): through the batch normalisation too, once those are known
//
// Shapes    x, out [images * height * width, channels] and pooledGradient [images * ceil(h/2) * ceil(w/2), channels] with
//           strides; affine [2, channels]; correction [3, channels]; mean [channels]; tiles [row tiles, 2, channels]
// Bytes     x and the pooled gradient read once, windows again from L1 and L2; 4 * rows * channels written, or 8 * row
//           tiles * channels of sums; 8 to 24 * channels of vectors read
// Geometry  tiled, see common.cuh, by fewer blocks (WINDOW_BLOCKS); combine_sums follows sum_max_pool_gradient
#include "common.cuh"

template <class T>
struct MaxPool {
    const T* pooledGradient;
    int pooledStride;
    const T* x;
    int xStride;
    int height;
    int width;
};

// The gradient that a pixel gets. Who wants x of the pixel, too, loads it again: registers are few.
template <int V, class T>
__device__ __forceinline__ Channels<V> gathered_gradient(MaxPool<T> pool, int r, int c, Channels<V> scale,
                                                         Channels<V> shift) {
    const int outHeight = (pool.height + 1) / 2;
    const int outWidth = (pool.width + 1) / 2;
    const int w = r % pool.width;
    const int h = r / pool.width % pool.height;
    const int image = r / pool.width / pool.height;
    const Channels<V> mine = normalised(load<V>(pool.x + at(r, pool.xStride, c)), scale, shift);
    Channels<V> gradient = zeros<V>();
    // Window (p, q) covers rows 2p-1 .. 2p+1 and columns 2q-1 .. 2q+1.
    for (int p = h / 2; p <= (h + 1) / 2 && p < outHeight; p++) {
        for (int q = w / 2; q <= (w + 1) / 2 && q < outWidth; q++) {
            bool first[V];
#pragma unroll
            for (int i = 0; i < V; i++) {
                first[i] = mine.v[i] > 0.0f;
            }
            for (int y = max(0, 2 * p - 1); y < min(pool.height, 2 * p + 2); y++) {
                const int middle = (image * pool.height + y) * pool.width + 2 * q;
                Channels<V> a[3];
#pragma unroll
                for (int z = 0; z < 3; z++) {
                    const bool inside = 2 * q + z >= 1 && 2 * q + z <= pool.width;
                    a[z] = load<V>(pool.x + at(inside ? middle + z - 1 : r, pool.xStride, c));  // else this pixel
                }
#pragma unroll
                for (int z = 0; z < 3; z++) {
                    const Channels<V> n = normalised(a[z], scale, shift);
                    const bool before = middle + z - 1 < r;
                    const bool inside = 2 * q + z >= 1 && 2 * q + z <= pool.width;
#pragma unroll
                    for (int i = 0; i < V; i++) {
                        // Of equals the first in row-major order wins; this pixel does not beat itself.
                        first[i] = first[i] && (before && inside ? n.v[i] < mine.v[i] : n.v[i] <= mine.v[i]);
                    }
                }
            }
            const Channels<V> g = load<V>(pool.pooledGradient +
                                          at((image * outHeight + p) * outWidth + q, pool.pooledStride, c));
#pragma unroll
            for (int i = 0; i < V; i++) {
                gradient.v[i] += first[i] ? g.v[i] : 0.0f;
            }
        }
    }
    return gradient;
}

template <int V, class T>
__device__ void max_pool_backward(MaxPool<T> pool, const float* affine, int affineStride, T* out, int outStride,
                                  int rows, int channels, int rowsPerTile) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    const Channels<V> scale = load<V>(affine + c);
    const Channels<V> shift = load<V>(affine + affineStride + c);
    const Rows tile = rows_of_tile(rows, rowsPerTile);
    for (int r = tile.first + threadIdx.y; r < tile.end; r += blockDim.y) {
        store(out + at(r, outStride, c), gathered_gradient(pool, r, c, scale, shift));
    }
}

template <int V, class T>
__device__ void sum_max_pool_gradient(MaxPool<T> pool, const float* affine, int affineStride, const float* means,
                                      int rows, int channels, int rowsPerTile, float* tiles) {
    const int c = first_channel<V>();
    const bool inside = c < channels;
    Channels<V> sum = zeros<V>();
    Channels<V> products = zeros<V>();
    if (inside) {
        const Channels<V> scale = load<V>(affine + c);
        const Channels<V> shift = load<V>(affine + affineStride + c);
        const Rows tile = rows_of_tile(rows, rowsPerTile);
        for (int r = tile.first + threadIdx.y; r < tile.end; r += blockDim.y) {
            const Channels<V> g = gathered_gradient(pool, r, c, scale, shift);
            const Channels<V> value = load<V>(pool.x + at(r, pool.xStride, c));
            const Channels<V> mean = load<V>(means + c);
#pragma unroll
            for (int i = 0; i < V; i++) {
                sum.v[i] += g.v[i];
                products.v[i] = fmaf(g.v[i], value.v[i] - mean.v[i], products.v[i]);
            }
        }
    }
    sum_over_rows(sum, products);
    if (inside && threadIdx.y == 0) {
        store(tile_row(tiles, 0, channels) + c, sum);
        store(tile_row(tiles, 1, channels) + c, products);
    }
}

template <int V, class T>
__device__ void corrected_max_pool_gradient(MaxPool<T> pool, const float* affine, int affineStride,
                                            const float* means, const float* correction, int correctionStride,
                                            T* out, int outStride, int rows, int channels, int rowsPerTile) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    const Channels<V> scale = load<V>(affine + c);
    const Channels<V> shift = load<V>(affine + affineStride + c);
    const Rows tile = rows_of_tile(rows, rowsPerTile);
    for (int r = tile.first + threadIdx.y; r < tile.end; r += blockDim.y) {
        Channels<V> g = gathered_gradient(pool, r, c, scale, shift);
        const Channels<V> value = load<V>(pool.x + at(r, pool.xStride, c));
        const Channels<V> mean = load<V>(means + c);
        const Channels<V> a = load<V>(correction + c);
        const Channels<V> b = load<V>(correction + correctionStride + c);
        const Channels<V> factor = load<V>(correction + 2 * correctionStride + c);
#pragma unroll
        for (int i = 0; i < V; i++) {
            g.v[i] = fmaf(a.v[i], g.v[i], fmaf(factor.v[i], value.v[i] - mean.v[i], b.v[i]));
        }
        store(out + at(r, outStride, c), g);
    }
}

#define MAX_POOL_PARAMETERS \
    const Stored *pooledGradient, int pooledStride, const Stored *x, int xStride, int height, int width
#define MAX_POOL (MaxPool<Stored>{pooledGradient, pooledStride, x, xStride, height, width})

WINDOW_KERNEL(max_pool_backward,
             (MAX_POOL_PARAMETERS, const float* affine, int affineStride, Stored* out, int outStride, int rows,
              int channels, int rowsPerTile),
             (MAX_POOL, affine, affineStride, out, outStride, rows, channels, rowsPerTile))

WINDOW_KERNEL(sum_max_pool_gradient,
             (MAX_POOL_PARAMETERS, const float* affine, int affineStride, const float* mean, int rows, int channels,
              int rowsPerTile, float* tiles),
             (MAX_POOL, affine, affineStride, mean, rows, channels, rowsPerTile, tiles))

WINDOW_KERNEL(corrected_max_pool_gradient,
             (MAX_POOL_PARAMETERS, const float* affine, int affineStride, const float* mean, const float* correction,
              int correctionStride, Stored* out, int outStride, int rows, int channels, int rowsPerTile),
             (MAX_POOL, affine, affineStride, mean, correction, correctionStride, out, outStride, rows, channels,
              rowsPerTile))

// The backward pass of a transition's 2x2 average pool behind BN-ReLU, in one reading of x: the block's gradient, up to the
// deferred correction (docs/design.md, "Deferred batch-norm backward"), its sums, and once more the pooled values, which
// the gradient of the 1x1 convolution behind the pool is made with.
//
// With g a quarter of the pooled gradient where the ReLU let through and 0 elsewhere, as in bn_relu_backward.cu:
//   blockGradient (+)= weight * g; sum(g) and sum(g * (x - mean)) of each channel, which become dbeta and dgamma
//   pooled = mean of relu(x * scale + shift), as normalise_relu_average_pool makes it
//
// Shapes    x, blockGradient [images * height * width, channels]; pooledGradient, pooled [images * floor(h/2) * floor(w/2),
//           channels]; all with strides; affine [2, channels]; mean, weight [channels]; tiles [row tiles, 2, channels]
// Bytes     8 * rows * channels read (4 when overwriting) and the pooled gradient, 4 written and the pooled values; 8 * row
//           tiles * channels of sums written; 16 * channels of vectors read
// Geometry  tiled over windows [images * ceil(h/2) * ceil(w/2)], see common.cuh, by fewer blocks (WINDOW_BLOCKS); at odd edges
//           windows are smaller, and the pool drops their pixels; combine_sums follows
#include "common.cuh"

template <class T>
struct AveragePool {
    const T* pooledGradient;
    int gradientStride;
    const T* x;
    int xStride;
    int height;
    int width;
    T* pooled;
    int pooledStride;
};

template <int V, class T>
__device__ void accumulate_gradient_and_average_pool(AveragePool<T> pool, const float* affine, int affineStride,
                                                     const float* means, const float* weight, int add,
                                                     T* blockGradient, int blockStride, int windows, int channels,
                                                     int rowsPerTile, float* tiles) {
    const int c = first_channel<V>();
    const bool inside = c < channels;
    Channels<V> sum = zeros<V>();
    Channels<V> products = zeros<V>();
    if (inside) {
        const Channels<V> scale = load<V>(affine + c);
        const Channels<V> shift = load<V>(affine + affineStride + c);
        const int across = (pool.width + 1) / 2;
        const int down = (pool.height + 1) / 2;
        const Rows tile = rows_of_tile(windows, rowsPerTile);
        for (int r = tile.first + threadIdx.y; r < tile.end; r += blockDim.y) {
            const int q = r % across;
            const int p = r / across % down;
            const int image = r / across / down;
            const int corner = (image * pool.height + 2 * p) * pool.width + 2 * q;
            const bool right = 2 * q + 1 < pool.width;
            const bool below = 2 * p + 1 < pool.height;
            if (!right || !below) {
                for (int i = 0; i < 4 && !add; i++) {
                    if ((i % 2 == 0 || right) && (i / 2 == 0 || below)) {
                        store(blockGradient + at(corner + i / 2 * pool.width + i % 2, blockStride, c), zeros<V>());
                    }
                }
                continue;
            }
            const int out = (image * (pool.height / 2) + p) * (pool.width / 2) + q;
            const Channels<V> g = load<V>(pool.pooledGradient + at(out, pool.gradientStride, c));
            Channels<V> upper = zeros<V>();
            Channels<V> line = zeros<V>();
#pragma unroll 1  // more than a pixel at a time does not fit the registers
            for (int i = 0; i < 4; i++) {
                const int row = corner + i / 2 * pool.width + i % 2;
                const Channels<V> value = load<V>(pool.x + at(row, pool.xStride, c));
                Channels<V> total = add ? load<V>(blockGradient + at(row, blockStride, c)) : zeros<V>();
                const Channels<V> n = normalised(value, scale, shift);
                const Channels<V> w = load<V>(weight + c);
                const Channels<V> mean = load<V>(means + c);
#pragma unroll
                for (int j = 0; j < V; j++) {
                    const float masked = n.v[j] > 0.0f ? 0.25f * g.v[j] : 0.0f;
                    sum.v[j] += masked;
                    products.v[j] = fmaf(masked, value.v[j] - mean.v[j], products.v[j]);
                    total.v[j] = fmaf(w.v[j], masked, total.v[j]);
                    line.v[j] = i % 2 == 0 ? relu(n.v[j]) : line.v[j] + relu(n.v[j]);
                }
                store(blockGradient + at(row, blockStride, c), total);
                upper = i == 1 ? line : upper;
            }
#pragma unroll
            for (int j = 0; j < V; j++) {
                line.v[j] = 0.25f * (upper.v[j] + line.v[j]);
            }
            store(pool.pooled + at(out, pool.pooledStride, c), line);
        }
    }
    sum_over_rows(sum, products);
    if (inside && threadIdx.y == 0) {
        store(tile_row(tiles, 0, channels) + c, sum);
        store(tile_row(tiles, 1, channels) + c, products);
    }
}

WINDOW_KERNEL(accumulate_gradient_and_average_pool,
             (const Stored* pooledGradient, int gradientStride, const Stored* x, int xStride, int height, int width,
              const float* affine, int affineStride, const float* mean, const float* weight, int add,
              Stored* blockGradient, int blockStride, Stored* pooled, int pooledStride, int windows, int channels,
              int rowsPerTile, float* tiles),
             (AveragePool<Stored>{pooledGradient, gradientStride, x, xStride, height, width, pooled, pooledStride}, affine,
              affineStride, mean, weight, add, blockGradient, blockStride, windows, channels, rowsPerTile, tiles))

// Anti-aliased downsampling (Zhang 2019, arXiv 1904.11486): [1, 2, 1] x [1, 2, 1] / 16 at every second pixel, with
// one pixel of reflection padding, and its gradient. Nothing is reflected in memory: a pixel that stands for its
// reflection, too, counts twice (BlurFilter.java).
//
// Shapes    x [images * height * width, channels], pooled [images * ceil(h/2) * ceil(w/2), channels], with strides;
//           height and width at least 2
// Bytes     x and pooled once, one read and the other written; the overlap of windows comes from L1 and L2
// Geometry  tiled over what is written, see common.cuh
#include "common.cuh"

// What a pixel counts in an output that reads it, along one dimension.
__device__ __forceinline__ float blur_weight(int output, int pixel, int size) {
    return pixel == 2 * output || output == 0 || 2 * output + 1 == size ? 0.5f : 0.25f;
}

template <int V, class T>
__device__ void blur_pool(const T* x, int xStride, int height, int width, int outHeight, int outWidth,
                          T* out, int outStride, int outRows, int channels, int rowsPerTile) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    const Rows tile = rows_of_tile(outRows, rowsPerTile);
    for (int r = tile.first + threadIdx.y; r < tile.end; r += blockDim.y) {
        const int w = r % outWidth;
        const int h = r / outWidth % outHeight;
        const int image = r / outWidth / outHeight * height;
        Channels<V> sum = zeros<V>();
        for (int y = max(0, 2 * h - 1); y < min(height, 2 * h + 2); y++) {
            for (int z = max(0, 2 * w - 1); z < min(width, 2 * w + 2); z++) {
                const Channels<V> a = load<V>(x + at((image + y) * width + z, xStride, c));
                const float weight = blur_weight(h, y, height) * blur_weight(w, z, width);
#pragma unroll
                for (int i = 0; i < V; i++) {
                    sum.v[i] = fmaf(weight, a.v[i], sum.v[i]);
                }
            }
        }
        store(out + at(r, outStride, c), sum);
    }
}

TYPED_KERNEL(blur_pool,
             (const Stored* x, int xStride, int height, int width, int outHeight, int outWidth, Stored* out,
              int outStride, int outRows, int channels, int rowsPerTile),
             (x, xStride, height, width, outHeight, outWidth, out, outStride, outRows, channels, rowsPerTile))

// Pixel y is read by outputs y/2 and, where it is odd, y/2 + 1.
template <int V, class T>
__device__ void blur_pool_gradient(const T* pooledGradient, int pooledStride, int height, int width,
                                   int outHeight, int outWidth, T* out, int outStride, int rows, int channels,
                                   int rowsPerTile) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    const Rows tile = rows_of_tile(rows, rowsPerTile);
    for (int r = tile.first + threadIdx.y; r < tile.end; r += blockDim.y) {
        const int z = r % width;
        const int y = r / width % height;
        const int image = r / width / height * outHeight;
        Channels<V> sum = zeros<V>();
        for (int h = y / 2; h <= (y + 1) / 2 && h < outHeight; h++) {
            for (int w = z / 2; w <= (z + 1) / 2 && w < outWidth; w++) {
                const Channels<V> g = load<V>(pooledGradient + at((image + h) * outWidth + w, pooledStride, c));
                const float weight = blur_weight(h, y, height) * blur_weight(w, z, width);
#pragma unroll
                for (int i = 0; i < V; i++) {
                    sum.v[i] = fmaf(weight, g.v[i], sum.v[i]);
                }
            }
        }
        store(out + at(r, outStride, c), sum);
    }
}

TYPED_KERNEL(blur_pool_gradient,
             (const Stored* pooledGradient, int pooledStride, int height, int width, int outHeight, int outWidth,
              Stored* out, int outStride, int rows, int channels, int rowsPerTile),
             (pooledGradient, pooledStride, height, width, outHeight, outWidth, out, outStride, rows, channels,
              rowsPerTile))

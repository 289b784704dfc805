// Pools that make their BN-ReLU input on the fly, and the max-pool's backward pass.
//
// normalise_relu_average_pool  2x2, stride 2, odd edges dropped: in front of a transition's 1x1 convolution,
//                              which commutes with it and then does a quarter of the work
// normalise_relu_max_pool      3x3, stride 2, padding 1: the ImageNet stem
// normalise_relu_global_pool   mean over all pixels of an image: the head
// max_pool_backward            each output's gradient goes to its first largest input, if that is above 0. Every
//                              input pixel gathers from the one to four windows it lies in and finds out by
//                              looking again whether it was their maximum: no positions are stored, no atomics.
//
// Shapes    x [images * height * width, channels] with stride; affine [2, channels]; pooled
//           [images * floor(h/2) * floor(w/2), channels], [images * ceil(h/2) * ceil(w/2), channels] or
//           [images, channels]
// Bytes     forward: x read once (the overlap of max-pool windows comes from L1 and L2), pooled written
//           backward: x and the pooled gradient read once, windows again from L1 and L2; 4 * rows * channels written
//           all: 8 * channels of vectors read
// Geometry  tiled over output rows, see common.cuh; global pool: blockIdx.y is the image
#include "common.cuh"

template <int V, class T>
__device__ __forceinline__ Channels<V> relu_at(const T* x, int xStride, int row, int c, Channels<V> scale,
                                               Channels<V> shift) {
    Channels<V> a = normalised(load<V>(x + at(row, xStride, c)), scale, shift);
#pragma unroll
    for (int i = 0; i < V; i++) {
        a.v[i] = relu(a.v[i]);
    }
    return a;
}

template <int V, class T>
__device__ void normalise_relu_average_pool(const T* x, int xStride, int height, int width,
                                            const float* affine, int affineStride, T* out, int outStride,
                                            int outRows, int channels, int rowsPerTile) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    const Channels<V> scale = load<V>(affine + c);
    const Channels<V> shift = load<V>(affine + affineStride + c);
    const int outHeight = height / 2;
    const int outWidth = width / 2;
    const Rows tile = rows_of_tile(outRows, rowsPerTile);
    for (int r = tile.first + threadIdx.y; r < tile.end; r += blockDim.y) {
        const int w = r % outWidth;
        const int h = r / outWidth % outHeight;
        const int image = r / outWidth / outHeight;
        const int row = (image * height + 2 * h) * width + 2 * w;
        const Channels<V> a = relu_at(x, xStride, row, c, scale, shift);
        const Channels<V> b = relu_at(x, xStride, row + 1, c, scale, shift);
        const Channels<V> d = relu_at(x, xStride, row + width, c, scale, shift);
        const Channels<V> e = relu_at(x, xStride, row + width + 1, c, scale, shift);
        Channels<V> mean;
#pragma unroll
        for (int i = 0; i < V; i++) {
            mean.v[i] = 0.25f * ((a.v[i] + b.v[i]) + (d.v[i] + e.v[i]));
        }
        store(out + at(r, outStride, c), mean);
    }
}

TYPED_KERNEL(normalise_relu_average_pool,
             (const Stored* x, int xStride, int height, int width, const float* affine, int affineStride, Stored* out,
              int outStride, int outRows, int channels, int rowsPerTile),
             (x, xStride, height, width, affine, affineStride, out, outStride, outRows, channels, rowsPerTile))

template <int V, class T>
__device__ void normalise_relu_max_pool(const T* x, int xStride, int height, int width, const float* affine,
                                        int affineStride, T* out, int outStride, int outRows, int channels,
                                        int rowsPerTile) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    const Channels<V> scale = load<V>(affine + c);
    const Channels<V> shift = load<V>(affine + affineStride + c);
    const int outHeight = (height + 1) / 2;
    const int outWidth = (width + 1) / 2;
    const Rows tile = rows_of_tile(outRows, rowsPerTile);
    for (int r = tile.first + threadIdx.y; r < tile.end; r += blockDim.y) {
        const int w = r % outWidth;
        const int h = r / outWidth % outHeight;
        const int image = r / outWidth / outHeight;
        Channels<V> best = zeros<V>();
        for (int y = max(0, 2 * h - 1); y < min(height, 2 * h + 2); y++) {
            const int middle = (image * height + y) * width + 2 * w;
            Channels<V> a[3];
#pragma unroll
            for (int z = 0; z < 3; z++) {
                const bool inside = 2 * w + z >= 1 && 2 * w + z <= width;
                a[z] = load<V>(x + at(inside ? middle + z - 1 : middle, xStride, c));  // else the middle twice
            }
#pragma unroll
            for (int z = 0; z < 3; z++) {
                const Channels<V> n = normalised(a[z], scale, shift);
#pragma unroll
                for (int i = 0; i < V; i++) {
                    best.v[i] = n.v[i] > best.v[i] || n.v[i] != n.v[i] ? n.v[i] : best.v[i];  // NaN stays
                }
            }
        }
        store(out + at(r, outStride, c), best);
    }
}

TYPED_KERNEL(normalise_relu_max_pool,
             (const Stored* x, int xStride, int height, int width, const float* affine, int affineStride, Stored* out,
              int outStride, int outRows, int channels, int rowsPerTile),
             (x, xStride, height, width, affine, affineStride, out, outStride, outRows, channels, rowsPerTile))

template <int V, class T>
__device__ void normalise_relu_global_pool(const T* x, int xStride, int pixels, const float* affine,
                                           int affineStride, float* out, int outStride, int channels) {
    const int c = first_channel<V>();
    const bool inside = c < channels;
    Channels<V> sum = zeros<V>();
    Channels<V> unused = zeros<V>();
    if (inside) {
        const Channels<V> scale = load<V>(affine + c);
        const Channels<V> shift = load<V>(affine + affineStride + c);
        const int first = blockIdx.y * pixels;
        for_rows<ROWS_AT_ONCE<V, 1, T>>(
            {first, first + pixels}, [&](int r) { return load<V>(x + at(r, xStride, c)); },
            [&](int, Channels<V> value) {
                const Channels<V> a = normalised(value, scale, shift);
#pragma unroll
                for (int i = 0; i < V; i++) {
                    sum.v[i] += relu(a.v[i]);
                }
            });
    }
    sum_over_rows(sum, unused);
    if (inside && threadIdx.y == 0) {
#pragma unroll
        for (int i = 0; i < V; i++) {
            sum.v[i] /= pixels;
        }
        store(out + at(blockIdx.y, outStride, c), sum);
    }
}

TYPED_KERNEL(normalise_relu_global_pool,
             (const Stored* x, int xStride, int pixels, const float* affine, int affineStride, float* out,
              int outStride, int channels),
             (x, xStride, pixels, affine, affineStride, out, outStride, channels))

template <int V, class T>
__device__ void max_pool_backward(const T* pooledGradient, int pooledStride, const T* x, int xStride,
                                  int height, int width, const float* affine, int affineStride, T* out,
                                  int outStride, int rows, int channels, int rowsPerTile) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    const Channels<V> scale = load<V>(affine + c);
    const Channels<V> shift = load<V>(affine + affineStride + c);
    const int outHeight = (height + 1) / 2;
    const int outWidth = (width + 1) / 2;
    const Rows tile = rows_of_tile(rows, rowsPerTile);
    for (int r = tile.first + threadIdx.y; r < tile.end; r += blockDim.y) {
        const int w = r % width;
        const int h = r / width % height;
        const int image = r / width / height;
        const Channels<V> mine = normalised(load<V>(x + at(r, xStride, c)), scale, shift);
        Channels<V> gradient = zeros<V>();
        // Window (p, q) covers rows 2p-1 .. 2p+1 and columns 2q-1 .. 2q+1.
        for (int p = h / 2; p <= (h + 1) / 2 && p < outHeight; p++) {
            for (int q = w / 2; q <= (w + 1) / 2 && q < outWidth; q++) {
                bool first[V];
#pragma unroll
                for (int i = 0; i < V; i++) {
                    first[i] = mine.v[i] > 0.0f;
                }
                for (int y = max(0, 2 * p - 1); y < min(height, 2 * p + 2); y++) {
                    const int middle = (image * height + y) * width + 2 * q;
                    Channels<V> a[3];
#pragma unroll
                    for (int z = 0; z < 3; z++) {
                        const bool inside = 2 * q + z >= 1 && 2 * q + z <= width;
                        a[z] = load<V>(x + at(inside ? middle + z - 1 : r, xStride, c));  // else this pixel
                    }
#pragma unroll
                    for (int z = 0; z < 3; z++) {
                        const Channels<V> n = normalised(a[z], scale, shift);
                        const bool before = middle + z - 1 < r;
                        const bool inside = 2 * q + z >= 1 && 2 * q + z <= width;
#pragma unroll
                        for (int i = 0; i < V; i++) {
                            // Of equals the first in row-major order wins; this pixel does not beat itself.
                            first[i] =
                                first[i] && (before && inside ? n.v[i] < mine.v[i] : n.v[i] <= mine.v[i]);
                        }
                    }
                }
                const Channels<V> g =
                    load<V>(pooledGradient + at((image * outHeight + p) * outWidth + q, pooledStride, c));
#pragma unroll
                for (int i = 0; i < V; i++) {
                    gradient.v[i] += first[i] ? g.v[i] : 0.0f;
                }
            }
        }
        store(out + at(r, outStride, c), gradient);
    }
}

TYPED_KERNEL(max_pool_backward,
             (const Stored* pooledGradient, int pooledStride, const Stored* x, int xStride, int height, int width,
              const float* affine, int affineStride, Stored* out, int outStride, int rows, int channels,
              int rowsPerTile),
             (pooledGradient, pooledStride, x, xStride, height, width, affine, affineStride, out, outStride, rows,
              channels, rowsPerTile))

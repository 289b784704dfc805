// Pools that make their BN-ReLU input on the fly.
//
// normalise_relu_average_pool  2x2, stride 2, odd edges dropped: in front of a transition's 1x1 convolution,
//                              which commutes with it and then does a quarter of the work
// normalise_relu_max_pool      3x3, stride 2, padding 1: the ImageNet stem
// normalise_relu_global_pool   mean over all pixels of an image: the head
//
// Shapes    x [images * height * width, channels] with stride; affine [2, channels]; pooled
//           [images * floor(h/2) * floor(w/2), channels], [images * ceil(h/2) * ceil(w/2), channels] or
//           [images, channels]
// Bytes     x read once (the overlap of max-pool windows comes from L1 and L2), pooled written; 8 * channels of vectors
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

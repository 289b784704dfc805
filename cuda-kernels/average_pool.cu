// An average pool of values as they are, and its gradient. Elements of the padding are zeros and count.
//
// average_pool           mean over each window
// global_average_pool    where an image has one window: a block for each
// average_pool_gradient  every input pixel gathers from the windows it lies in
//
// Shapes    x [images * height * width, channels], pooled [images * outHeight * outWidth, channels], with strides
// Bytes     x and pooled once, one read and the other written; the overlap of windows comes from L1 and L2
// Geometry  tiled over what is written, see common.cuh; global pool: blockIdx.y is the image
#include "pool_windows.cuh"

template <int V, class S, class T>
__device__ void average_pool(const S* x, int xStride, PoolWindows p, T* out, int outStride, int outRows,
                             int channels, int rowsPerTile) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    const Rows tile = rows_of_tile(outRows, rowsPerTile);
    for (int r = tile.first + threadIdx.y; r < tile.end; r += blockDim.y) {
        const int h = r / p.outWidth % p.outHeight;
        const int w = r % p.outWidth;
        const Rectangle in = pixels_of_window(p, h, w);
        const int image = r / p.outWidth / p.outHeight * p.height;
        Channels<V> sum = zeros<V>();
        for (int y = in.top; y < in.bottom; y++) {
            Channels<V> line = zeros<V>();  // fewer terms to a sum round less
            for (int z = in.left; z < in.right; z++) {
                const Channels<V> a = load<V>(x + at((image + y) * p.width + z, xStride, c));
#pragma unroll
                for (int i = 0; i < V; i++) {
                    line.v[i] += a.v[i];
                }
            }
#pragma unroll
            for (int i = 0; i < V; i++) {
                sum.v[i] += line.v[i];
            }
        }
        const float share = share_of_pixel(p, h, w);
#pragma unroll
        for (int i = 0; i < V; i++) {
            sum.v[i] *= share;
        }
        store(out + at(r, outStride, c), sum);
    }
}

WIDENING_KERNEL(average_pool,
                (const Source* x, int xStride, int height, int width, int kernelHeight, int kernelWidth, int stride,
                 int padding, int outHeight, int outWidth, Stored* out, int outStride, int outRows, int channels,
                 int rowsPerTile),
                (x, xStride, {height, width, kernelHeight, kernelWidth, stride, padding, outHeight, outWidth}, out,
                 outStride, outRows, channels, rowsPerTile))

template <int V, class S, class T>
__device__ void global_average_pool(const S* x, int xStride, int pixels, T* out, int outStride,
                                    int channels) {
    const int c = first_channel<V>();
    const bool inside = c < channels;
    Channels<V> sum = zeros<V>();
    Channels<V> unused = zeros<V>();
    if (inside) {
        const int first = blockIdx.y * pixels;
        for_rows<ROWS_AT_ONCE<V, 1, S>>(
            {first, first + pixels}, [&](int r) { return load<V>(x + at(r, xStride, c)); },
            [&](int, Channels<V> value) {
#pragma unroll
                for (int i = 0; i < V; i++) {
                    sum.v[i] += value.v[i];
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

WIDENING_KERNEL(global_average_pool,
                (const Source* x, int xStride, int pixels, Stored* out, int outStride, int channels),
                (x, xStride, pixels, out, outStride, channels))

template <int V, class S, class T>
__device__ void average_pool_gradient(const S* pooledGradient, int pooledStride, PoolWindows p, T* out,
                                      int outStride, int rows, int channels, int rowsPerTile) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    const Rows tile = rows_of_tile(rows, rowsPerTile);
    for (int r = tile.first + threadIdx.y; r < tile.end; r += blockDim.y) {
        const int image = r / p.width / p.height * p.outHeight;
        const Rectangle windows = windows_of_pixel(p, r / p.width % p.height, r % p.width);
        Channels<V> gradient = zeros<V>();
        for (int h = windows.top; h < windows.bottom; h++) {
            for (int w = windows.left; w < windows.right; w++) {
                const Channels<V> g =
                    load<V>(pooledGradient + at((image + h) * p.outWidth + w, pooledStride, c));
                const float share = share_of_pixel(p, h, w);
#pragma unroll
                for (int i = 0; i < V; i++) {
                    gradient.v[i] = fmaf(g.v[i], share, gradient.v[i]);
                }
            }
        }
        store(out + at(r, outStride, c), gradient);
    }
}

NARROWING_KERNEL(average_pool_gradient,
                 (const Source* pooledGradient, int pooledStride, int height, int width, int kernelHeight,
                  int kernelWidth, int stride, int padding, int outHeight, int outWidth, Stored* out, int outStride,
                  int rows, int channels, int rowsPerTile),
                 (pooledGradient, pooledStride,
                  {height, width, kernelHeight, kernelWidth, stride, padding, outHeight, outWidth}, out, outStride,
                  rows, channels, rowsPerTile))

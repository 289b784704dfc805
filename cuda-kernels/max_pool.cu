// A max pool of values as they are, and its gradient.
//
// max_pool           maximum over each window; a NaN is one
// max_pool_gradient  each output's gradient goes to its first largest input in row order. Every input pixel gathers
//                    from the windows it lies in and finds out by looking again whether it was their first maximum:
//                    no positions are stored, no atomics. That is one window for 2x2/2 and nine for 3x3/1.
//
// Shapes    x [images * height * width, channels], pooled [images * outHeight * outWidth, channels], with strides
// Bytes     forward: x read once (the overlap of windows comes from L1 and L2), pooled written
//           backward: x and the pooled gradient read once, windows again from L1 and L2; 4 * rows * channels written
// Geometry  tiled over what is written, see common.cuh
#include "pool_windows.cuh"

template <int V, class T>
__device__ void max_pool(const T* x, int xStride, PoolWindows p, T* out, int outStride, int outRows,
                         int channels, int rowsPerTile) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    const Rows tile = rows_of_tile(outRows, rowsPerTile);
    for (int r = tile.first + threadIdx.y; r < tile.end; r += blockDim.y) {
        const Rectangle in = pixels_of_window(p, r / p.outWidth % p.outHeight, r % p.outWidth);
        const int image = r / p.outWidth / p.outHeight * p.height;
        Channels<V> best = load<V>(x + at((image + in.top) * p.width + in.left, xStride, c));
        for (int y = in.top; y < in.bottom; y++) {
            for (int z = in.left; z < in.right; z++) {
                const Channels<V> a = load<V>(x + at((image + y) * p.width + z, xStride, c));
#pragma unroll
                for (int i = 0; i < V; i++) {
                    best.v[i] = a.v[i] > best.v[i] || a.v[i] != a.v[i] ? a.v[i] : best.v[i];  // NaN stays
                }
            }
        }
        store(out + at(r, outStride, c), best);
    }
}

TYPED_KERNEL(max_pool,
             (const Stored* x, int xStride, int height, int width, int kernelHeight, int kernelWidth, int stride,
              int padding, int outHeight, int outWidth, Stored* out, int outStride, int outRows, int channels,
              int rowsPerTile),
             (x, xStride, {height, width, kernelHeight, kernelWidth, stride, padding, outHeight, outWidth}, out,
              outStride, outRows, channels, rowsPerTile))

template <int V, class T>
__device__ void max_pool_gradient(const T* pooledGradient, int pooledStride, const T* x, int xStride,
                                  PoolWindows p, T* out, int outStride, int rows, int channels,
                                  int rowsPerTile) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    const Rows tile = rows_of_tile(rows, rowsPerTile);
    for (int r = tile.first + threadIdx.y; r < tile.end; r += blockDim.y) {
        const int image = r / p.width / p.height;
        const Rectangle windows = windows_of_pixel(p, r / p.width % p.height, r % p.width);
        const Channels<V> mine = load<V>(x + at(r, xStride, c));
        Channels<V> gradient = zeros<V>();
        for (int h = windows.top; h < windows.bottom; h++) {
            for (int w = windows.left; w < windows.right; w++) {
                bool first[V];
#pragma unroll
                for (int i = 0; i < V; i++) {
                    first[i] = true;
                }
                const Rectangle in = pixels_of_window(p, h, w);
                for (int y = in.top; y < in.bottom; y++) {
                    for (int z = in.left; z < in.right; z++) {
                        const int row = (image * p.height + y) * p.width + z;
                        const Channels<V> a = load<V>(x + at(row, xStride, c));
#pragma unroll
                        for (int i = 0; i < V; i++) {
                            // Of equals the first in row order wins; this pixel does not beat itself.
                            first[i] = first[i] && (row < r ? a.v[i] < mine.v[i] : a.v[i] <= mine.v[i]);
                        }
                    }
                }
                const int pooled = (image * p.outHeight + h) * p.outWidth + w;
                const Channels<V> g = load<V>(pooledGradient + at(pooled, pooledStride, c));
#pragma unroll
                for (int i = 0; i < V; i++) {
                    gradient.v[i] += first[i] ? g.v[i] : 0.0f;
                }
            }
        }
        store(out + at(r, outStride, c), gradient);
    }
}

TYPED_KERNEL(max_pool_gradient,
             (const Stored* pooledGradient, int pooledStride, const Stored* x, int xStride, int height, int width,
              int kernelHeight, int kernelWidth, int stride, int padding, int outHeight, int outWidth, Stored* out,
              int outStride, int rows, int channels, int rowsPerTile),
             (pooledGradient, pooledStride, x, xStride,
              {height, width, kernelHeight, kernelWidth, stride, padding, outHeight, outWidth}, out, outStride, rows,
              channels, rowsPerTile))

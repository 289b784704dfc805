// Depthwise convolutions with stride 1 that keep the size, and their gradients: each channel has a kernel of its own.
//
// depthwise            out[p, c] = bias[c] + sum over t of weights[t, c] * x[p + t - padding, c]
// depthwise_gradient   out[p, c] (+)= sum over t of weights[t, c] * gradient[p - t + padding, c]
// depthwise_weights    sums[t, c] += sum over p of gradient[p, c] * x[p + t - padding, c]
// transpose_rows       target (+)= source transposed: weights as PyTorch has them, [channels, taps], and back
//
// Shapes    x, gradient, out [images * height * width, channels] with strides; weights, sums [taps, channels] with
//           strides; bias [channels]
// Bytes     4 * rows * channels for each matrix read or written; what windows share comes from L1 and L2
// Geometry  tiled over what is written, see common.cuh; depthwise_weights: blockIdx.y is the tap, whose sum one block
//           takes over all rows; transpose_rows: a thread an element of the target, one dimension
#include "common.cuh"

template <int V, class T>
__device__ __forceinline__ Channels<V> convolved(const T* x, int xStride, int height, int width, int kernel,
                                                 const float* weights, int weightsStride, bool turned, int r, int c,
                                                 Channels<V> sum) {
    const int column = r % width;
    const int row = r / width % height;
    const int padding = kernel / 2;
    for (int y = max(0, padding - row); y < min(kernel, height + padding - row); y++) {
        for (int z = max(0, padding - column); z < min(kernel, width + padding - column); z++) {
            const int tap = y * kernel + z;
            const int from = r + (y - padding) * width + z - padding;
            const Channels<V> w = load<V>(weights + at(turned ? kernel * kernel - 1 - tap : tap, weightsStride, c));
            const Channels<V> value = load<V>(x + at(from, xStride, c));
#pragma unroll
            for (int i = 0; i < V; i++) {
                sum.v[i] = fmaf(w.v[i], value.v[i], sum.v[i]);
            }
        }
    }
    return sum;
}

template <int V, class T>
__device__ void depthwise(const T* x, int xStride, int height, int width, int kernel, const float* weights,
                          int weightsStride, const float* bias, T* out, int outStride, int rows, int channels,
                          int rowsPerTile) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    const Channels<V> b = load<V>(bias + c);
    const Rows tile = rows_of_tile(rows, rowsPerTile);
    for (int r = tile.first + threadIdx.y; r < tile.end; r += blockDim.y) {
        store(out + at(r, outStride, c),
              convolved<V>(x, xStride, height, width, kernel, weights, weightsStride, false, r, c, b));
    }
}

TYPED_KERNEL(depthwise,
             (const Stored* x, int xStride, int height, int width, int kernel, const float* weights,
              int weightsStride, const float* bias, Stored* out, int outStride, int rows, int channels,
              int rowsPerTile),
             (x, xStride, height, width, kernel, weights, weightsStride, bias, out, outStride, rows, channels,
              rowsPerTile))

template <int V, class T>
__device__ void depthwise_gradient(const T* gradient, int gradientStride, int height, int width, int kernel,
                                   const float* weights, int weightsStride, int add, T* out, int outStride, int rows,
                                   int channels, int rowsPerTile) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    const Rows tile = rows_of_tile(rows, rowsPerTile);
    for (int r = tile.first + threadIdx.y; r < tile.end; r += blockDim.y) {
        Channels<V> sum = convolved<V>(gradient, gradientStride, height, width, kernel, weights, weightsStride, true, r,
                                       c, zeros<V>());
        if (add) {
            const Channels<V> old = load<V>(out + at(r, outStride, c));
#pragma unroll
            for (int i = 0; i < V; i++) {
                sum.v[i] += old.v[i];
            }
        }
        store(out + at(r, outStride, c), sum);
    }
}

TYPED_KERNEL(depthwise_gradient,
             (const Stored* gradient, int gradientStride, int height, int width, int kernel, const float* weights,
              int weightsStride, int add, Stored* out, int outStride, int rows, int channels, int rowsPerTile),
             (gradient, gradientStride, height, width, kernel, weights, weightsStride, add, out, outStride, rows,
              channels, rowsPerTile))

template <int V, class T>
__device__ void depthwise_weights(const T* x, int xStride, const T* gradient, int gradientStride, int height, int width,
                                  int kernel, float* sums, int sumsStride, int rows, int channels) {
    const int c = first_channel<V>();
    const bool inside = c < channels;
    const int down = static_cast<int>(blockIdx.y) / kernel - kernel / 2;
    const int right = static_cast<int>(blockIdx.y) % kernel - kernel / 2;
    Channels<V> sum = zeros<V>();
    Channels<V> unused = zeros<V>();
    for (int r = threadIdx.y; inside && r < rows; r += blockDim.y) {
        const int column = r % width + right;
        const int row = r / width % height + down;
        if (column < 0 || column >= width || row < 0 || row >= height) {
            continue;
        }
        const Channels<V> value = load<V>(x + at(r + down * width + right, xStride, c));
        const Channels<V> g = load<V>(gradient + at(r, gradientStride, c));
#pragma unroll
        for (int i = 0; i < V; i++) {
            sum.v[i] = fmaf(value.v[i], g.v[i], sum.v[i]);
        }
    }
    sum_over_rows(sum, unused);
    if (inside && threadIdx.y == 0) {
        float* to = sums + at(blockIdx.y, sumsStride, c);
        const Channels<V> old = load<V>(to);
#pragma unroll
        for (int i = 0; i < V; i++) {
            sum.v[i] += old.v[i];
        }
        store(to, sum);
    }
}

TYPED_KERNEL(depthwise_weights,
             (const Stored* x, int xStride, const Stored* gradient, int gradientStride, int height, int width,
              int kernel, float* sums, int sumsStride, int rows, int channels),
             (x, xStride, gradient, gradientStride, height, width, kernel, sums, sumsStride, rows, channels))

extern "C" __global__ void __launch_bounds__(THREADS)
    transpose_rows(const float* source, int sourceStride, int add, float* target, int targetStride, int targetRows,
                   int targetColumns) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= targetRows * targetColumns) {
        return;
    }
    const int row = i / targetColumns;
    const int column = i % targetColumns;
    float* to = target + at(row, targetStride, column);
    const float value = source[at(column, sourceStride, row)];
    *to = add ? *to + value : value;
}

// Copies and sums of matrices whose rows may be strided.
//
// copy_rows, add_rows, fill_rows   target = source; target += source; target = value
// add_bias                         x[r, c] += bias[c]
// add_column_sums                  sums[c] += sum over rows of x[r, c], in one block per channel tile
//
// Bytes     4 * rows * channels for each matrix that is read and for each that is written; the target of += is both
// Geometry  tiled, see common.cuh
#include "common.cuh"

template <int V>
__device__ void copy_rows(const float* source, int sourceStride, float* target, int targetStride, int rows,
                          int channels, int rowsPerTile) {
    const int c = first_channel<V>();
    const Rows tile = rows_of_tile(rows, rowsPerTile);
    for (int r = tile.first + threadIdx.y; c < channels && r < tile.end; r += blockDim.y) {
        store(target + at(r, targetStride, c), load<V>(source + at(r, sourceStride, c)));
    }
}

TILED_KERNEL(copy_rows,
             (const float* source, int sourceStride, float* target, int targetStride, int rows, int channels,
              int rowsPerTile),
             (source, sourceStride, target, targetStride, rows, channels, rowsPerTile))

template <int V>
__device__ void add_rows(const float* source, int sourceStride, float* target, int targetStride, int rows,
                         int channels, int rowsPerTile) {
    const int c = first_channel<V>();
    const Rows tile = rows_of_tile(rows, rowsPerTile);
    for (int r = tile.first + threadIdx.y; c < channels && r < tile.end; r += blockDim.y) {
        const Channels<V> s = load<V>(source + at(r, sourceStride, c));
        Channels<V> t = load<V>(target + at(r, targetStride, c));
#pragma unroll
        for (int i = 0; i < V; i++) {
            t.v[i] += s.v[i];
        }
        store(target + at(r, targetStride, c), t);
    }
}

TILED_KERNEL(add_rows,
             (const float* source, int sourceStride, float* target, int targetStride, int rows, int channels,
              int rowsPerTile),
             (source, sourceStride, target, targetStride, rows, channels, rowsPerTile))

template <int V>
__device__ void fill_rows(float value, float* target, int targetStride, int rows, int channels, int rowsPerTile) {
    const int c = first_channel<V>();
    Channels<V> values;
#pragma unroll
    for (int i = 0; i < V; i++) {
        values.v[i] = value;
    }
    const Rows tile = rows_of_tile(rows, rowsPerTile);
    for (int r = tile.first + threadIdx.y; c < channels && r < tile.end; r += blockDim.y) {
        store(target + at(r, targetStride, c), values);
    }
}

TILED_KERNEL(fill_rows, (float value, float* target, int targetStride, int rows, int channels, int rowsPerTile),
             (value, target, targetStride, rows, channels, rowsPerTile))

template <int V>
__device__ void add_bias(const float* bias, float* x, int xStride, int rows, int channels, int rowsPerTile) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    const Channels<V> b = load<V>(bias + c);
    const Rows tile = rows_of_tile(rows, rowsPerTile);
    for (int r = tile.first + threadIdx.y; r < tile.end; r += blockDim.y) {
        Channels<V> value = load<V>(x + at(r, xStride, c));
#pragma unroll
        for (int i = 0; i < V; i++) {
            value.v[i] += b.v[i];
        }
        store(x + at(r, xStride, c), value);
    }
}

TILED_KERNEL(add_bias, (const float* bias, float* x, int xStride, int rows, int channels, int rowsPerTile),
             (bias, x, xStride, rows, channels, rowsPerTile))

template <int V>
__device__ void add_column_sums(const float* x, int xStride, float* sums, int rows, int channels) {
    const int c = first_channel<V>();
    const bool inside = c < channels;
    Channels<V> sum = zeros<V>();
    Channels<V> unused = zeros<V>();
    for (int r = threadIdx.y; inside && r < rows; r += blockDim.y) {
        const Channels<V> value = load<V>(x + at(r, xStride, c));
#pragma unroll
        for (int i = 0; i < V; i++) {
            sum.v[i] += value.v[i];
        }
    }
    sum_over_rows(sum, unused);
    if (inside && threadIdx.y == 0) {
        const Channels<V> old = load<V>(sums + c);
#pragma unroll
        for (int i = 0; i < V; i++) {
            sum.v[i] += old.v[i];
        }
        store(sums + c, sum);
    }
}

TILED_KERNEL(add_column_sums, (const float* x, int xStride, float* sums, int rows, int channels),
             (x, xStride, sums, rows, channels))

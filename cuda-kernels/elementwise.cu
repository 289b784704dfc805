// Copies and sums of matrices whose rows may be strided.
//
// copy_rows, add_rows, fill_rows   target = source; target += source; target = value
// add_bias                         x[r, c] += bias[c]
//
// Bytes     4 * rows * channels for each matrix that is read and for each that is written; the target of += is both
// Geometry  tiled, see common.cuh
#include "common.cuh"

template <int V, class S, class T>
__device__ void copy_rows(const S* source, int sourceStride, T* target, int targetStride, int rows,
                          int channels, int rowsPerTile) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    for_rows<ROWS_AT_ONCE<V, 1, S>>(
        rows_of_tile(rows, rowsPerTile), [&](int r) { return load<V>(source + at(r, sourceStride, c)); },
        [&](int r, Channels<V> value) { store(target + at(r, targetStride, c), value); });
}

MIXED_KERNEL(copy_rows,
             (const Source* source, int sourceStride, Stored* target, int targetStride, int rows, int channels,
              int rowsPerTile),
             (source, sourceStride, target, targetStride, rows, channels, rowsPerTile))

template <int V, class S, class T>
__device__ void add_rows(const S* source, int sourceStride, T* target, int targetStride, int rows,
                         int channels, int rowsPerTile) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    struct Both {
        Channels<V> source;
        Channels<V> target;
    };
    for_rows<ROWS_AT_ONCE<V, 2, S>>(
        rows_of_tile(rows, rowsPerTile),
        [&](int r) {
            return Both{load<V>(source + at(r, sourceStride, c)), load<V>(target + at(r, targetStride, c))};
        },
        [&](int r, Both both) {
#pragma unroll
            for (int i = 0; i < V; i++) {
                both.target.v[i] += both.source.v[i];
            }
            store(target + at(r, targetStride, c), both.target);
        });
}

MIXED_KERNEL(add_rows,
             (const Source* source, int sourceStride, Stored* target, int targetStride, int rows, int channels,
              int rowsPerTile),
             (source, sourceStride, target, targetStride, rows, channels, rowsPerTile))

template <int V, class T>
__device__ void fill_rows(float value, T* target, int targetStride, int rows, int channels, int rowsPerTile) {
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

TYPED_KERNEL(fill_rows, (float value, Stored* target, int targetStride, int rows, int channels, int rowsPerTile),
             (value, target, targetStride, rows, channels, rowsPerTile))

template <int V, class T>
__device__ void add_bias(const float* bias, T* x, int xStride, int rows, int channels, int rowsPerTile) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    const Channels<V> b = load<V>(bias + c);
    for_rows<ROWS_AT_ONCE<V, 1, T>>(
        rows_of_tile(rows, rowsPerTile), [&](int r) { return load<V>(x + at(r, xStride, c)); },
        [&](int r, Channels<V> value) {
#pragma unroll
            for (int i = 0; i < V; i++) {
                value.v[i] += b.v[i];
            }
            store(x + at(r, xStride, c), value);
        });
}

TYPED_KERNEL(add_bias, (const float* bias, Stored* x, int xStride, int rows, int channels, int rowsPerTile),
             (bias, x, xStride, rows, channels, rowsPerTile))

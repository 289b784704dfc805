// Mean and sum of squared deviations of every channel of a chunk of rows.
//
// channel_statistics  one pass over x. Each block shifts its rows by the value in its first row, so that a large
//                     mean does not cancel the variance: with d = x - s, mean = s + sum(d)/n and
//                     M2 = sum(d*d) - sum(d)^2/n (Chan, Golub and LeVeque 1983).
// combine_statistics  adds the blocks' tiles in double precision: mean = sum(n_t * mean_t)/n and
//                     M2 = sum(M2_t + n_t * (mean_t - mean)^2).
//
// Shapes    x [rows, channels] with stride; tiles [row tiles, 2, channels]; partial [2, channels] with stride
// Bytes     channel_statistics: 4 * rows * channels read, 8 * row tiles * channels written;
//           combine_statistics, combine_sums: 8 * row tiles * channels read, 8 * channels written
// Geometry  channel_statistics: tiled, see common.cuh; combine_statistics: blocks of 32 channels x 8
#pragma once
#include "common.cuh"

// Writes a block's mean and M2 from sums that are shifted by `shift`.
template <int V>
__device__ void store_statistics(float* tiles, int c, int channels, Channels<V> shift, Channels<V> sum,
                                 Channels<V> squares, int rows) {
    Channels<V> mean;
    Channels<V> deviations;
    const float inverse = 1.0f / rows;
#pragma unroll
    for (int i = 0; i < V; i++) {
        const float m = sum.v[i] * inverse;
        mean.v[i] = shift.v[i] + m;
        const float d = squares.v[i] - sum.v[i] * m;
        deviations.v[i] = d < 0.0f ? 0.0f : d;
    }
    store(tile_row(tiles, 0, channels) + c, mean);
    store(tile_row(tiles, 1, channels) + c, deviations);
}

template <int V>
__device__ __forceinline__ void add_shifted(Channels<V> x, Channels<V> shift, Channels<V>& sum,
                                            Channels<V>& squares) {
#pragma unroll
    for (int i = 0; i < V; i++) {
        const float d = x.v[i] - shift.v[i];
        sum.v[i] += d;
        squares.v[i] = fmaf(d, d, squares.v[i]);
    }
}

template <int V>
__device__ void channel_statistics(const float* x, int xStride, int rows, int channels, int rowsPerTile,
                                   float* tiles) {
    const int c = first_channel<V>();
    const bool inside = c < channels;
    const Rows tile = rows_of_tile(rows, rowsPerTile);
    Channels<V> shift = zeros<V>();
    Channels<V> sum = zeros<V>();
    Channels<V> squares = zeros<V>();
    if (inside) {
        shift = load<V>(x + at(tile.first, xStride, c));
        for (int r = tile.first + threadIdx.y; r < tile.end; r += blockDim.y) {
            add_shifted(load<V>(x + at(r, xStride, c)), shift, sum, squares);
        }
    }
    sum_over_rows(sum, squares);
    if (inside && threadIdx.y == 0) {
        store_statistics(tiles, c, channels, shift, sum, squares, tile.end - tile.first);
    }
}

TILED_KERNEL(channel_statistics,
             (const float* x, int xStride, int rows, int channels, int rowsPerTile, float* tiles),
             (x, xStride, rows, channels, rowsPerTile, tiles))

// Adds over threadIdx.y of a block of 32 x 8 threads; every thread gets the sum.
__device__ double sum_of_column(double value) {
    __shared__ double column[8][32];
    __syncthreads();
    column[threadIdx.y][threadIdx.x] = value;
    __syncthreads();
    double sum = 0.0;
    for (int y = 0; y < 8; y++) {
        sum += column[y][threadIdx.x];
    }
    return sum;
}

extern "C" __global__ void __launch_bounds__(THREADS)
    combine_statistics(const float* tiles, int count, int rowsPerTile, int rows, int channels, float* partial,
                       int partialStride) {
    const int c = blockIdx.x * 32 + threadIdx.x;
    const bool inside = c < channels;
    double weighted = 0.0;
    for (int t = threadIdx.y; inside && t < count; t += 8) {
        const int n = t == count - 1 ? rows - t * rowsPerTile : rowsPerTile;
        weighted += static_cast<double>(n) * tiles[static_cast<size_t>(t) * 2 * channels + c];
    }
    const double mean = sum_of_column(weighted) / rows;
    double deviations = 0.0;
    for (int t = threadIdx.y; inside && t < count; t += 8) {
        const int n = t == count - 1 ? rows - t * rowsPerTile : rowsPerTile;
        const size_t first = static_cast<size_t>(t) * 2 * channels + c;
        const double d = tiles[first] - mean;
        deviations += tiles[first + channels] + n * d * d;
    }
    deviations = sum_of_column(deviations);
    if (inside && threadIdx.y == 0) {
        partial[c] = static_cast<float>(mean);
        partial[partialStride + c] = static_cast<float>(deviations);
    }
}

// Adds tiles of two plain sums: partial[w, c] = sum over t of tiles[t, w, c].
extern "C" __global__ void __launch_bounds__(THREADS)
    combine_sums(const float* tiles, int count, int channels, float* partial, int partialStride) {
    const int c = blockIdx.x * 32 + threadIdx.x;
    const bool inside = c < channels;
    double first = 0.0;
    double second = 0.0;
    for (int t = threadIdx.y; inside && t < count; t += 8) {
        const size_t row = static_cast<size_t>(t) * 2 * channels + c;
        first += tiles[row];
        second += tiles[row + channels];
    }
    first = sum_of_column(first);
    second = sum_of_column(second);
    if (inside && threadIdx.y == 0) {
        partial[c] = static_cast<float>(first);
        partial[partialStride + c] = static_cast<float>(second);
    }
}

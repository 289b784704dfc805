// Mean and sum of squared deviations of every channel of a chunk of rows.
//
// channel_statistics  one pass over x. Each block shifts its rows by the value in its first row, so that a large
//                     mean does not cancel the variance: with d = x - s, mean = s + sum(d)/n and
//                     M2 = sum(d*d) - sum(d)^2/n (Chan, Golub and LeVeque 1983).
// combine_statistics  adds the blocks' tiles in double precision: mean = sum(n_t * mean_t)/n and
//                     M2 = sum(M2_t + n_t * (mean_t - mean)^2).
// combine_sums        adds the blocks' tiles of two plain sums in double precision.
//
// Shapes    x [rows, channels] with stride; tiles [row tiles, 2, channels]; partial [2, channels] with stride
// Bytes     channel_statistics: 4 * rows * channels read, 8 * row tiles * channels written;
//           combine_statistics, combine_sums: 8 * row tiles * channels read, 8 * channels written
// Geometry  channel_statistics: tiled, see common.cuh; combine: blocks of 8 channels x 32 tiles
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

template <int V, class T>
__device__ void channel_statistics(const T* x, int xStride, int rows, int channels, int rowsPerTile,
                                   float* tiles) {
    const int c = first_channel<V>();
    const bool inside = c < channels;
    const Rows tile = rows_of_tile(rows, rowsPerTile);
    Channels<V> shift = zeros<V>();
    Channels<V> sum = zeros<V>();
    Channels<V> squares = zeros<V>();
    if (inside) {
        shift = load<V>(x + at(tile.first, xStride, c));
        for_rows<ROWS_AT_ONCE<V, 1, T>>(
            tile, [&](int r) { return load<V>(x + at(r, xStride, c)); },
            [&](int, Channels<V> value) { add_shifted(value, shift, sum, squares); });
    }
    sum_over_rows(sum, squares);
    if (inside && threadIdx.y == 0) {
        store_statistics(tiles, c, channels, shift, sum, squares, tile.end - tile.first);
    }
}

TYPED_KERNEL(channel_statistics,
             (const Stored* x, int xStride, int rows, int channels, int rowsPerTile, float* tiles),
             (x, xStride, rows, channels, rowsPerTile, tiles))

// Who combines tiles: teams of threads for few channels and many tiles at a time, since all that takes time here is to
// wait for memory, and there are more tiles than channels. A block is one team, or several (small_operations.cu).
constexpr int COMBINED_CHANNELS = 8;
constexpr int COMBINED_TILES = 32;
constexpr int COMBINED_AT_ONCE = 8;  // by a thread
constexpr int MOST_TEAMS = 2;

struct Combiner {
    int team;
    int channel;  // of the team's
    int tile;     // the first of the thread's
};

// For a team whose threads lie one after the other.
__device__ __forceinline__ Combiner combiner_of(int thread) {
    return {thread / THREADS, thread % COMBINED_CHANNELS, thread / COMBINED_CHANNELS % COMBINED_TILES};
}

// For a block of 8 x 32 threads.
__device__ __forceinline__ Combiner combiner_of_block() {
    return {0, static_cast<int>(threadIdx.x), static_cast<int>(threadIdx.y)};
}

// Adds over the threads of a team that have the same channel; those with tile = 0 have the sum. Every thread of the block
// must call this.
__device__ __forceinline__ double sum_of_column(double value, Combiner me) {
    __shared__ double columns[MOST_TEAMS][COMBINED_TILES][COMBINED_CHANNELS];
    double(*column)[COMBINED_CHANNELS] = columns[me.team];
    __syncthreads();
    column[me.tile][me.channel] = value;
    for (int half = COMBINED_TILES / 2; half > 0; half /= 2) {
        __syncthreads();
        if (me.tile < half) {
            column[me.tile][me.channel] += column[me.tile + half][me.channel];
        }
    }
    return column[me.tile][me.channel];
}

// use(t, fetch(t)) for each of the thread's tiles, several of which are fetched before the first is used.
template <class Fetch, class Use>
__device__ __forceinline__ void for_tiles(Combiner me, int count, Fetch fetch, Use use) {
    using Values = decltype(fetch(0));
    for (int first = me.tile; first < count; first += COMBINED_AT_ONCE * COMBINED_TILES) {
        Values values[COMBINED_AT_ONCE];
#pragma unroll
        for (int i = 0; i < COMBINED_AT_ONCE; i++) {
            const int t = first + i * COMBINED_TILES;
            values[i] = t < count ? fetch(t) : Values{};
        }
#pragma unroll
        for (int i = 0; i < COMBINED_AT_ONCE; i++) {
            const int t = first + i * COMBINED_TILES;
            if (t < count) {
                use(t, values[i]);
            }
        }
    }
}

// The two sums of a channel in a tile.
struct Sums {
    float first;
    float second;
};

__device__ __forceinline__ Sums sums_of_tile(const float* tiles, int t, int channels, int c) {
    const size_t row = static_cast<size_t>(t) * 2 * channels + c;
    return {tiles[row], tiles[row + channels]};
}

// Chan's formula for all tiles at once, and in one pass: with d_t = mean_t - mean_0,
//   mean = mean_0 + sum(n_t * d_t)/n and M2 = sum(M2_t + n_t * d_t^2) - sum(n_t * d_t)^2/n.
__device__ __forceinline__ void combine_statistics_of_channel(Combiner me, int c, const float* tiles, int count,
                                                              int rowsPerTile, int rows, int channels, float* partial,
                                                              int partialStride) {
    const bool inside = c < channels;
    const double shift = inside ? tiles[c] : 0.0;
    double sum = 0.0;
    double deviations = 0.0;
    for_tiles(
        me, inside ? count : 0, [&](int t) { return sums_of_tile(tiles, t, channels, c); },
        [&](int t, Sums tile) {
            const double n = t == count - 1 ? rows - t * rowsPerTile : rowsPerTile;
            const double d = tile.first - shift;
            sum += n * d;
            deviations += tile.second + n * d * d;
        });
    sum = sum_of_column(sum, me);
    deviations = sum_of_column(deviations, me);
    if (inside && me.tile == 0) {
        deviations -= sum * sum / rows;
        partial[c] = static_cast<float>(shift + sum / rows);
        partial[partialStride + c] = static_cast<float>(deviations < 0.0 ? 0.0 : deviations);
    }
}

// Tiles of two plain sums: partial[w, c] = sum over t of tiles[t, w, c].
__device__ __forceinline__ void combine_sums_of_channel(Combiner me, int c, const float* tiles, int count,
                                                        int channels, float* partial, int partialStride) {
    const bool inside = c < channels;
    double first = 0.0;
    double second = 0.0;
    for_tiles(
        me, inside ? count : 0, [&](int t) { return sums_of_tile(tiles, t, channels, c); },
        [&](int, Sums tile) {
            first += tile.first;
            second += tile.second;
        });
    first = sum_of_column(first, me);
    second = sum_of_column(second, me);
    if (inside && me.tile == 0) {
        partial[c] = static_cast<float>(first);
        partial[partialStride + c] = static_cast<float>(second);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS)
    combine_statistics(const float* tiles, int count, int rowsPerTile, int rows, int channels, float* partial,
                       int partialStride) {
    const Combiner me = combiner_of_block();
    combine_statistics_of_channel(me, blockIdx.x * COMBINED_CHANNELS + me.channel, tiles, count, rowsPerTile, rows,
                                  channels, partial, partialStride);
}

extern "C" __global__ void __launch_bounds__(THREADS)
    combine_sums(const float* tiles, int count, int channels, float* partial, int partialStride) {
    const Combiner me = combiner_of_block();
    combine_sums_of_channel(me, blockIdx.x * COMBINED_CHANNELS + me.channel, tiles, count, channels, partial,
                            partialStride);
}

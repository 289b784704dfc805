// sums[c] += sum over rows of x[r, c]: the gradient of a bias.
//
// add_column_sums   few rows, in one block per channel tile
// column_sums       many rows: each block writes the sums of its tile
// combine_rows      adds what blocks wrote in double precision, in order: sums (+)= sum over rows of tiles
//
// Shapes    x [rows, channels] with stride; tiles [row tiles, channels]; sums [channels]
// Bytes     4 * rows * channels read; 8 * row tiles * channels of tiles written and read again; 8 * channels of sums
// Geometry  tiled, see common.cuh; combine_rows: as combine_sums
#include "channel_stats.cu"

// Threads with threadIdx.y = 0 have the sums of the rows; every thread of the block must call this.
template <int V, class T>
__device__ Channels<V> sum_of_rows(const T* x, int xStride, Rows rows, int c, bool inside) {
    Channels<V> sum = zeros<V>();
    Channels<V> unused = zeros<V>();
    if (inside) {
        for_rows<4>(
            rows, [&](int r) { return load<V>(x + at(r, xStride, c)); },
            [&](int, Channels<V> value) {
#pragma unroll
                for (int i = 0; i < V; i++) {
                    sum.v[i] += value.v[i];
                }
            });
    }
    sum_over_rows(sum, unused);
    return sum;
}

template <int V, class T>
__device__ void add_column_sums(const T* x, int xStride, float* sums, int rows, int channels) {
    const int c = first_channel<V>();
    const bool inside = c < channels;
    Channels<V> sum = sum_of_rows<V>(x, xStride, {0, rows}, c, inside);
    if (inside && threadIdx.y == 0) {
        const Channels<V> old = load<V>(sums + c);
#pragma unroll
        for (int i = 0; i < V; i++) {
            sum.v[i] += old.v[i];
        }
        store(sums + c, sum);
    }
}

TYPED_KERNEL(add_column_sums, (const Stored* x, int xStride, float* sums, int rows, int channels),
             (x, xStride, sums, rows, channels))

template <int V, class T>
__device__ void column_sums(const T* x, int xStride, int rows, int channels, int rowsPerTile, float* tiles) {
    const int c = first_channel<V>();
    const bool inside = c < channels;
    const Channels<V> sum = sum_of_rows<V>(x, xStride, rows_of_tile(rows, rowsPerTile), c, inside);
    if (inside && threadIdx.y == 0) {
        store(tiles + at(blockIdx.y, channels, c), sum);
    }
}

TYPED_KERNEL(column_sums, (const Stored* x, int xStride, int rows, int channels, int rowsPerTile, float* tiles),
             (x, xStride, rows, channels, rowsPerTile, tiles))

extern "C" __global__ void __launch_bounds__(THREADS)
    combine_rows(const float* __restrict__ tiles, int count, int columns, int add, float* __restrict__ sums) {
    const Combiner me = combiner_of_block();
    const int c = blockIdx.x * COMBINED_CHANNELS + me.channel;
    const bool inside = c < columns;
    double sum = 0.0;
    for_tiles(
        me, inside ? count : 0, [&](int t) { return tiles[at(t, columns, c)]; },
        [&](int, float value) { sum += value; });
    sum = sum_of_column(sum, me);
    if (inside && me.tile == 0) {
        sums[c] = static_cast<float>(add ? sums[c] + sum : sum);
    }
}

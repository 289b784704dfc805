// Appends a layer's k new features to their columns of the block's feature matrix, drops elements if asked, and
// takes the columns' statistics in the same pass. This is all that is left of a concatenation.
//
// Shapes    y [rows, k] with stride; columns [rows, k] with the block's stride; tiles [row tiles, 2, k]
// Bytes     4 * rows * k read, as many written, and 8 * row tiles * k of sums
// Geometry  tiled, see common.cuh; combine_statistics follows
#include "channel_stats.cu"
#include "dropout.cuh"

template <int V, class T>
__device__ void append_features(const T* y, int yStride, T* columns, int columnsStride, int rows, int k,
                                int rowsPerTile, int firstRow, Dropout dropout, float* tiles) {
    const int c = first_channel<V>();
    const bool inside = c < k;
    const Rows tile = rows_of_tile(rows, rowsPerTile);
    Channels<V> shift = zeros<V>();
    Channels<V> sum = zeros<V>();
    Channels<V> squares = zeros<V>();
    if (inside) {
        shift = load<V>(y + at(tile.first, yStride, c));
        drop(shift, (static_cast<unsigned long long>(firstRow) + tile.first) * k + c, dropout);
        for_rows<ROWS_AT_ONCE<V, 1>>(
            tile, [&](int r) { return load<V>(y + at(r, yStride, c)); },
            [&](int r, Channels<V> value) {
                drop(value, (static_cast<unsigned long long>(firstRow) + r) * k + c, dropout);
                value = as_stored<T>(value);  // statistics are those of what later layers read
                store(columns + at(r, columnsStride, c), value);
                add_shifted(value, shift, sum, squares);
            });
    }
    sum_over_rows(sum, squares);
    if (inside && threadIdx.y == 0) {
        store_statistics(tiles, c, k, shift, sum, squares, tile.end - tile.first);
    }
}

TYPED_KERNEL(append_features,
             (const Stored* y, int yStride, Stored* columns, int columnsStride, int rows, int k, int rowsPerTile,
              int firstRow, unsigned threshold, unsigned layerThreshold, float keptScale, unsigned seedLow,
              unsigned seedHigh, const unsigned* step, unsigned layer, float* tiles),
             (y, yStride, columns, columnsStride, rows, k, rowsPerTile, firstRow,
              Dropout{threshold, layerThreshold, keptScale, seedLow, seedHigh, step, layer}, tiles))

// A window of every image: target[n, y, x] = source[n, y + top, x + left] where that is inside the image, else 0.
//
// Shapes    source [images * sourceHeight * sourceWidth, channels], target [rows = images * targetHeight *
//           targetWidth, channels], both with strides
// Bytes     4 * channels for each pixel of the window that is inside read, for each pixel of it written
// Geometry  tiled over the target, see common.cuh
#include "common.cuh"

template <int V, class T>
__device__ void copy_window(const T* source, int sourceStride, int sourceHeight, int sourceWidth, T* target,
                            int targetStride, int targetHeight, int targetWidth, int top, int left, int rows,
                            int channels, int rowsPerTile) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    for_rows<ROWS_AT_ONCE<V, 1, T>>(
        rows_of_tile(rows, rowsPerTile),
        [&](int r) {
            const int x = r % targetWidth + left;
            const int y = r / targetWidth % targetHeight + top;
            const int image = r / targetWidth / targetHeight;
            const bool inside = y >= 0 && y < sourceHeight && x >= 0 && x < sourceWidth;
            return inside ? load<V>(source + at((image * sourceHeight + y) * sourceWidth + x, sourceStride, c))
                          : zeros<V>();
        },
        [&](int r, Channels<V> value) { store(target + at(r, targetStride, c), value); });
}

TYPED_KERNEL(copy_window,
             (const Stored* source, int sourceStride, int sourceHeight, int sourceWidth, Stored* target,
              int targetStride, int targetHeight, int targetWidth, int top, int left, int rows, int channels,
              int rowsPerTile),
             (source, sourceStride, sourceHeight, sourceWidth, target, targetStride, targetHeight, targetWidth, top,
              left, rows, channels, rowsPerTile))

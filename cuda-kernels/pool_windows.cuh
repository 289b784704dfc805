// Where the windows of a pool lie (PoolShape.java): window (h, w) starts at row h * stride - padding and column
// w * stride - padding of its image.
#pragma once

#include "common.cuh"

struct PoolWindows {
    int height;
    int width;
    int kernelHeight;
    int kernelWidth;
    int stride;
    int padding;
    int outHeight;
    int outWidth;
};

// A rectangle of pixels or of windows: rows [top, bottom), columns [left, right).
struct Rectangle {
    int top;
    int bottom;
    int left;
    int right;
};

// The pixels of the image in window (h, w); there is always one.
__device__ __forceinline__ Rectangle pixels_of_window(PoolWindows p, int h, int w) {
    const int top = h * p.stride - p.padding;
    const int left = w * p.stride - p.padding;
    return {max(0, top), min(p.height, top + p.kernelHeight), max(0, left), min(p.width, left + p.kernelWidth)};
}

// The windows that have pixel (y, x).
__device__ __forceinline__ Rectangle windows_of_pixel(PoolWindows p, int y, int x) {
    const int down = max(0, y + p.padding - p.kernelHeight + p.stride);
    const int along = max(0, x + p.padding - p.kernelWidth + p.stride);
    return {down / p.stride, min(p.outHeight, (y + p.padding) / p.stride + 1), along / p.stride,
            min(p.outWidth, (x + p.padding) / p.stride + 1)};
}

// What a pixel counts in the mean of window (h, w): padding counts, what lies behind it does not.
__device__ __forceinline__ float share_of_pixel(PoolWindows p, int h, int w) {
    const int rows = min(p.kernelHeight, p.height + 2 * p.padding - h * p.stride);
    const int columns = min(p.kernelWidth, p.width + 2 * p.padding - w * p.stride);
    return 1.0f / (rows * columns);
}

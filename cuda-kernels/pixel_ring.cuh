// The rows that a 3x3 convolution's tile needs, kept in shared memory: every row is loaded once a block and read for nine
// taps by ldmatrix from shifted addresses, so there is neither an im2col nor a halo of tiles, and images may have any
// height and width.
//
// A ring of R rows, a power of two, has a tile of BM pixels, the next one, and a line of pixels with one more on both
// sides (AppendedKernels.java chooses it). Eight rows of zeros follow in every panel: a tap that lies outside of the image reads the one with the same
// banks.
#pragma once
#include "fragments.cuh"

constexpr int ZERO_ROWS = 8;

// The row that a lane reads of a ring of R rows: that of a pixel's neighbour, or of zeros with the same banks.
__device__ __forceinline__ unsigned neighbour(int ring, int by, bool inside, int R) {
    const int r = ring + by;
    return inside ? r & (R - 1) : R + (r & (ZERO_ROWS - 1));
}

// Bytes of a panel of the ring.
__device__ __forceinline__ unsigned ring_bytes(int R) {
    return (R + ZERO_ROWS) * PANEL_ROW_BYTES;
}

template <int BLOCK_THREADS>
__device__ __forceinline__ void clear_zero_rows(unsigned char* shared, int R, int panelCount) {
    constexpr int WORDS = ZERO_ROWS * PANEL_ROW_BYTES / 4;
    for (int i = threadIdx.x; i < WORDS * panelCount; i += BLOCK_THREADS) {
        lane_sts(shared, i / WORDS * ring_bytes(R) + R * PANEL_ROW_BYTES + i % WORDS * 4, 0.0f);
    }
}

// A thread's part of the rows of Z in a ring: a chunk of 16 bytes of every row that it brings.
template <class T, int BLOCK_THREADS, int CHUNKS>
struct NormalisedRows {
    static constexpr int ROWS_AT_ONCE_OF_BLOCK = BLOCK_THREADS / CHUNKS;
    int chunk;
    int row;
    int start;  // the pixel of ring row 0
    int R;
    int rows;
    bool on;
    float scales[CHUNK<T>];
    float shifts[CHUNK<T>];

    __device__ __forceinline__ NormalisedRows(int firstPixel, int ringRows, int allRows, int channels,
                                              const float* __restrict__ scale, const float* __restrict__ shift) {
        chunk = threadIdx.x % CHUNKS;
        row = threadIdx.x / CHUNKS;
        start = firstPixel;
        R = ringRows;
        rows = allRows;
        on = threadIdx.x < BLOCK_THREADS / CHUNKS * CHUNKS && chunk * CHUNK<T> < channels;
#pragma unroll
        for (int i = 0; i < CHUNK<T>; i++) {
            scales[i] = on ? scale[chunk * CHUNK<T> + i] : 0.0f;
            shifts[i] = on ? shift[chunk * CHUNK<T> + i] : 0.0f;
        }
    }

    __device__ __forceinline__ unsigned at(int ring) const {
        return chunk / 8 * ring_bytes(R) + in_panel<T>(ring, chunk % 8);
    }

    template <class Each>
    __device__ __forceinline__ void for_pixels(int from, int to, Each each) const {
        if (on) {
            int ring = (from - start + row) & (R - 1);
            for (int q = from + row; q < to; q += ROWS_AT_ONCE_OF_BLOCK) {
                if (q >= 0 && q < rows) {
                    each(q, at(ring));
                }
                ring = (ring + ROWS_AT_ONCE_OF_BLOCK) & (R - 1);
            }
        }
    }

    __device__ __forceinline__ void load(unsigned char* shared, const T* __restrict__ z, int zStride, int from,
                                         int to) const {
        for_pixels(from, to, [&](int q, unsigned address) {
            cp_async16(shared, address, z + static_cast<size_t>(q) * zStride + chunk * CHUNK<T>, CHUNK_BYTES);
        });
    }

    // relu(z * scale + shift) in the place of z, once a row.
    __device__ __forceinline__ void normalise(unsigned char* shared, int from, int to) const {
        for_pixels(from, to, [&](int, unsigned address) {
            float v[CHUNK<T>];
            unpack(lane_lds<uint4>(shared, address), v);
#pragma unroll
            for (int j = 0; j < CHUNK<T>; j++) {
                v[j] = relu(fmaf(v[j], scales[j], shifts[j]));
            }
            lane_sts(shared, address, operand_chunk(v));
        });
    }

    // Channels that the layer does not have, up to `end`, are zeros.
    __device__ __forceinline__ void clear_others(unsigned char* shared, int end) const {
        if (!on && threadIdx.x < BLOCK_THREADS / CHUNKS * CHUNKS && chunk * CHUNK<T> < end) {
            for (int ring = row; ring < R; ring += ROWS_AT_ONCE_OF_BLOCK) {
                lane_sts(shared, at(ring), uint4{0, 0, 0, 0});
            }
        }
    }
};

// Where a pixel lies in its image.
struct ImagePixel {
    int line;    // far outside where the pixel lies behind the last one
    int column;

    __device__ __forceinline__ ImagePixel() {}

    __device__ __forceinline__ ImagePixel(int q, int rows, int height, int width) {
        column = q % width;
        line = q < rows ? q / width % height : -9;
    }

    // Whether a neighbour of it lies in the image, too.
    __device__ __forceinline__ bool has(int dy, int dx, int height, int width) const {
        return line + dy >= 0 && line + dy < height && column + dx >= 0 && column + dx < width;
    }
};

// The pixel whose row a lane addresses in a fragment of 16.
struct TappedPixel : ImagePixel {
    int ring;

    __device__ __forceinline__ TappedPixel() {}

    __device__ __forceinline__ TappedPixel(int q, int start, int R, int rows, int height, int width)
        : ImagePixel(q, rows, height, width) {
        ring = (q - start) & (R - 1);
    }

    __device__ __forceinline__ unsigned tap(int dy, int dx, int height, int width, int R) const {
        return neighbour(ring, dy * width + dx, has(dy, dx, height, width), R);
    }
};

// A 3x3 convolution's weights [9, n, channels] in shared memory, as pack_appended_weights leaves them: PART of the CHANNELS
// from `first` on, which a panel of theirs begins with.
template <class T, int BLOCK_THREADS, int CHANNELS, int PART, int NEW>
__device__ __forceinline__ void load_taps(unsigned char* shared, unsigned to, const T* __restrict__ w, int first) {
    constexpr int PANELS = panels<T>(PART);
    constexpr int CHUNKS = PANELS * 8;
    constexpr int WIDTH = panels<T>(CHANNELS) * PANEL_ROW_BYTES / static_cast<int>(sizeof(T));
    for (int i = threadIdx.x; i < 9 * NEW * CHUNKS; i += BLOCK_THREADS) {
        const int c = i % CHUNKS;
        const int r = i / CHUNKS % NEW;
        const int tap = i / (CHUNKS * NEW);
        cp_async16(shared, to + (tap * PANELS + c / 8) * NEW * PANEL_ROW_BYTES + in_panel<T>(r, c % 8),
                   w + (static_cast<size_t>(tap) * NEW + r) * WIDTH + first + c * CHUNK<T>, CHUNK_BYTES);
    }
}

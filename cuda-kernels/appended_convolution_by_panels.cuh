// The 3x3 convolution of a dense layer whose weights leave no room for a ring of all channels: as appended_convolution.cuh,
// but z comes a panel of channels at a time, and a tile's sums stay in registers until the last one. So Y is rounded,
// dropped and counted once, and weights are read once a block.
//
// Shapes, needs  as appended_convolution.cuh
// Bytes     z once, and of every tile a line of pixels on both sides, which the tiles beside it read too: from the level-2
//           cache; y written
// Geometry  one block for each tilesOfBlock tiles of BM pixels; a warp has BM / WARPS pixels
// Shared    all weights, eight rows of zeros, what finished columns take (appended_columns.cuh), and two windows: a tile's
//           pixels, a line and one more on both sides, of one panel. One is multiplied while the other arrives.
#pragma once
#include "appended_columns.cuh"
#include "pixel_ring.cuh"

template <class T, int BM, int CHANNELS, int NEW, int WARPS>
struct AppendedConvolutionByPanels {
    static constexpr int BLOCK_THREADS = WARPS * 32;
    static constexpr int E = PANEL_ROW_BYTES / static_cast<int>(sizeof(T));  // channels of a panel
    static constexpr int PC = panels<T>(CHANNELS);
    static constexpr int ROWS_OF_PASS = BLOCK_THREADS / 8;
    using Columns = AppendedColumns<T, BM, NEW, WARPS>;
    static constexpr int MF = Columns::MF;
    static constexpr int NF = Columns::NF;
    static_assert(CHANNELS % E == 0, "shape");

    static constexpr unsigned ZEROS_AT = 9 * NEW * PANEL_ROW_BYTES * PC;
    static constexpr unsigned COLUMNS_AT = ZEROS_AT + ZERO_ROWS * PANEL_ROW_BYTES;
    static constexpr unsigned WINDOWS_AT = (COLUMNS_AT + Columns::BYTES + 127) / 128 * 128;

    // A thread's part of a window: a chunk of 16 bytes of every row that it brings. It normalises what it brought itself.
    struct Window {
        const T* z;
        int zStride;
        const float* scale;
        const float* shift;
        int channels;
        int rows;
        int pixels;  // of a window

        template <class Each>
        __device__ __forceinline__ void for_pixels(int first, unsigned at, Each each) const {
            const int chunk = threadIdx.x % 8;
#pragma unroll 4
            for (int r = threadIdx.x / 8; r < pixels; r += ROWS_OF_PASS) {
                const int q = first + r;
                if (q >= 0 && q < rows) {
                    each(q, at + in_panel<T>(r, chunk));
                }
            }
        }

        // Channels that the layer does not have are zeros.
        __device__ __forceinline__ void load(unsigned char* shared, int first, int panel, unsigned at) const {
            const int channel = panel * E + threadIdx.x % 8 * CHUNK<T>;
            const bool on = channel < channels;
            for_pixels(first, at, [&](int q, unsigned address) {
                cp_async16(shared, address, on ? z + static_cast<size_t>(q) * zStride + channel : z, on ? CHUNK_BYTES : 0);
            });
        }

        // relu(z * scale + shift) in the place of z.
        __device__ __forceinline__ void normalise(unsigned char* shared, int first, int panel, unsigned at) const {
            const int channel = panel * E + threadIdx.x % 8 * CHUNK<T>;
            float scales[CHUNK<T>];
            float shifts[CHUNK<T>];
#pragma unroll
            for (int j = 0; j < CHUNK<T>; j++) {
                scales[j] = channel < channels ? scale[channel + j] : 0.0f;
                shifts[j] = channel < channels ? shift[channel + j] : 0.0f;
            }
            for_pixels(first, at, [&](int, unsigned address) {
                float v[CHUNK<T>];
                unpack(lane_lds<uint4>(shared, address), v);
#pragma unroll
                for (int j = 0; j < CHUNK<T>; j++) {
                    v[j] = relu(fmaf(v[j], scales[j], shifts[j]));
                }
                lane_sts(shared, address, operand_chunk(v));
            });
        }
    };

    // A pixel's row of a window, and of each tap whether it lies inside of the image.
    struct WindowPixel {
        int row;
        unsigned taps;

        __device__ __forceinline__ WindowPixel() {}

        __device__ __forceinline__ WindowPixel(int q, int windowRow, int rows, int height, int width) {
            const ImagePixel pixel(q, rows, height, width);
            row = windowRow;
            taps = 0;
#pragma unroll
            for (int tap = 0; tap < 9; tap++) {
                taps |= pixel.has(tap / 3 - 1, tap % 3 - 1, height, width) ? 1u << tap : 0u;
            }
        }
    };

    static __device__ __forceinline__ void run(const Window& z, const T* __restrict__ w, T* __restrict__ y, int yStride,
                                               int k, int height, int width, int tilesOfBlock, const Dropout& dropout,
                                               float* __restrict__ tiles) {
        const unsigned windowBytes = z.pixels * PANEL_ROW_BYTES;
        DYNAMIC_SHARED(WINDOWS_AT + 2 * windowBytes);
        const Columns columns(COLUMNS_AT, tiles != nullptr);
        const int lane = threadIdx.x % 32;
        const int warp = threadIdx.x / 32;
        const int halo = width + 1;
        const int panelsOfLayer = (z.channels + E - 1) / E;
        const Tiles share(z.rows, BM, tilesOfBlock, blockIdx.x);

        load_taps<T, BLOCK_THREADS, CHANNELS, CHANNELS, NEW>(shared, 0, w, 0);
        z.load(shared, share.first * BM - halo, 0, WINDOWS_AT);
        cp_commit();
        for (int i = threadIdx.x; i < ZERO_ROWS * PANEL_ROW_BYTES / 4; i += BLOCK_THREADS) {
            lane_sts(shared, ZEROS_AT + i * 4, 0.0f);
        }
        columns.statistics.template clear_sums<BLOCK_THREADS>(shared);
        unsigned at = WINDOWS_AT;
        unsigned other = WINDOWS_AT + windowBytes;
        for (int tile = share.first; tile < share.end; tile++) {
            const int q0 = tile * BM;
            const int ofWarp = warp * (BM / WARPS);
            WindowPixel pixel[MF];
#pragma unroll
            for (int m = 0; m < MF; m++) {
                const int i = ofWarp + m * 16 + lane % 16;
                pixel[m] = WindowPixel(q0 + i, i + halo, z.rows, height, width);
            }
            float sums[MF][NF][4];
            clear(sums);
            for (int panel = 0; panel < panelsOfLayer; panel++) {
                cp_wait<0>();
                z.normalise(shared, q0 - halo, panel, at);
                __syncthreads();  // behind it nobody reads the other window any more
                if (panel + 1 < panelsOfLayer) {
                    z.load(shared, q0 - halo, panel + 1, other);
                } else if (tile + 1 < share.end) {
                    z.load(shared, q0 + BM - halo, 0, other);
                }
                cp_commit();
                multiply(shared, sums, pixel, panel, at, lane, width);
                const unsigned multiplied = at;
                at = other;
                other = multiplied;
            }
            columns.drop_elements(sums, q0 + ofWarp, lane, z.rows, k, dropout);
            if (tile == share.first) {
                columns.begin(shared, sums, warp, lane);
            }
            columns.store(shared, sums, q0 + ofWarp, warp, lane, y, yStride, k, z.rows);
        }
        cp_wait<0>();
        if (tiles == nullptr) {
            return;
        }
        __syncthreads();
        columns.statistics.template write<BLOCK_THREADS>(shared, min(z.rows, share.end * BM) - share.first * BM, k, tiles);
    }

    // Adds what a panel's channels give.
    static __device__ __forceinline__ void multiply(unsigned char* shared, float (&sums)[MF][NF][4],
                                                    const WindowPixel (&pixel)[MF], int panel, unsigned window, int lane,
                                                    int width) {
        for (int tap = 0; tap < 9; tap++) {
            unsigned row[MF];
            unsigned spread[MF];
#pragma unroll
            for (int m = 0; m < MF; m++) {
                const unsigned r = pixel[m].row + (tap / 3 - 1) * width + tap % 3 - 1;
                spread[m] = twist<T>(r) * CHUNK_BYTES;
                row[m] = pixel[m].taps >> tap & 1 ? window + r * PANEL_ROW_BYTES
                                                  : ZEROS_AT + (r & (ZERO_ROWS - 1)) * PANEL_ROW_BYTES;
            }
#pragma unroll
            for (int step = 0; step < 4; step++) {
                unsigned a[MF][4];
#pragma unroll
                for (int m = 0; m < MF; m++) {
                    ldmatrix_x4(a[m], shared, row[m] + (((step * 2 + lane / 16) * CHUNK_BYTES) ^ spread[m]));
                }
#pragma unroll
                for (int n = 0; n < NF; n += 2) {
                    unsigned b[4];
                    ldmatrix_x4(b, shared,
                                (tap * PC + panel) * NEW * PANEL_ROW_BYTES +
                                    in_panel<T>(n * 8 + lane % 8 + lane / 16 * 8, step * 2 + lane / 8 % 2));
#pragma unroll
                    for (int m = 0; m < MF; m++) {
                        multiply_pair<T>(sums[m], n, a[m], b);
                    }
                }
            }
        }
    }
};

// `window` is the pixels of a window, where the kernels of appended_convolution.cuh have the rows of their ring.
#define APPENDED_CONVOLUTION_BY_PANELS(suffix, T, BM, CHANNELS, NEW, WARPS)                                              \
    BOUNDED(appended_convolution##suffix, (WARPS) * 32)                                                                  \
    extern "C" __global__ void __launch_bounds__((WARPS) * 32, 1)                                                        \
        appended_convolution##suffix(const T* __restrict__ z, int zStride, const float* __restrict__ affine,             \
                                     int affineStride, const T* __restrict__ w, T* __restrict__ y, int yStride, int k,   \
                                     int channels, int rows, int height, int width, int window, int tilesOfBlock,        \
                                     unsigned threshold, unsigned layerThreshold, float keptScale, unsigned seedLow,     \
                                     unsigned seedHigh, const unsigned* step, unsigned layer,                            \
                                     float* __restrict__ tiles) {                                                        \
        using Convolution = AppendedConvolutionByPanels<T, BM, CHANNELS, NEW, WARPS>;                                    \
        Convolution::run(                                                                                                \
            typename Convolution::Window{z, zStride, affine, affine + affineStride, channels, rows, window}, w, y,       \
            yStride, k, height, width, tilesOfBlock,                                                                     \
            Dropout{threshold, layerThreshold, keptScale, seedLow, seedHigh, step, layer}, tiles);                       \
    }

// The 3x3 convolution of a dense layer, Y = conv3x3(relu(z * scale + shift)) with zero padding 1, written into the block's
// columns, which is all that is left of a concatenation; with dropout, and with mean and sum of squared deviations of
// every new channel.
//
// Shapes    z [rows, channels]; w [9, NEW, channels to 128 bytes] as pack_appended_weights leaves it; y the layer's k
//           columns of the block's matrix; tiles [blocks, 2, k], which combine_statistics adds, or null in
//           inference, which takes no statistics
// Needs     rows of z that start on 16 bytes, k a multiple of 4, an even number of columns before y, channels a multiple of a chunk, channels <= CHANNELS,
//           k <= NEW
// Bytes     z once, and a line of pixels on both sides of each block's share; y written
// Geometry  one block for each tilesOfBlock tiles of BM pixels; a warp has BM / WARPS pixels
// Shared    the ring (pixel_ring.cuh), all weights, what finished columns take (appended_columns.cuh)
//
// Where the ring and all weights do not fit together, the kernels of appended_convolution_by_panels.cuh take its place.
#pragma once
#include "appended_columns.cuh"
#include "pixel_ring.cuh"

template <class T, int BM, int CHANNELS, int NEW, int WARPS>
struct AppendedConvolution {
    static constexpr int BLOCK_THREADS = WARPS * 32;
    static constexpr int PC = panels<T>(CHANNELS);
    static constexpr int CHUNKS = PC * 8;
    using Columns = AppendedColumns<T, BM, NEW, WARPS>;
    static constexpr int MF = Columns::MF;
    static constexpr int NF = Columns::NF;
    static_assert(BLOCK_THREADS % CHUNKS == 0 && CHANNELS % STEP<T> == 0, "shape");

    unsigned weightsAt, columnsAt;

    __device__ __forceinline__ explicit AppendedConvolution(int R) {
        weightsAt = ring_bytes(R) * PC;
        columnsAt = weightsAt + 9 * NEW * PANEL_ROW_BYTES * PC;
    }

    static __device__ __forceinline__ void run(const T* __restrict__ z, int zStride, const float* __restrict__ scale,
                                               const float* __restrict__ shift, const T* __restrict__ w,
                                               T* __restrict__ y, int yStride, int k, int channels, int rows, int height,
                                               int width, int R, int tilesOfBlock, const Dropout& dropout,
                                               float* __restrict__ tiles) {
        const AppendedConvolution at(R);
        const Columns columns(at.columnsAt, tiles != nullptr);
        DYNAMIC_SHARED(at.columnsAt + Columns::BYTES);
        const int lane = threadIdx.x % 32;
        const int warp = threadIdx.x / 32;
        const int halo = width + 1;
        const Tiles share(rows, BM, tilesOfBlock, blockIdx.x);
        const int start = share.first * BM - halo;
        const NormalisedRows<T, BLOCK_THREADS, CHUNKS> source(start, R, rows, channels, scale, shift);

        load_taps<T, BLOCK_THREADS, CHANNELS, CHANNELS, NEW>(shared, at.weightsAt, w, 0);
        source.load(shared, z, zStride, start, share.first * BM + BM + halo);
        cp_commit();
        source.clear_others(shared, CHANNELS);
        clear_zero_rows<BLOCK_THREADS>(shared, R, PC);
        columns.statistics.template clear_sums<BLOCK_THREADS>(shared);
        for (int tile = share.first; tile < share.end; tile++) {
            const int q0 = tile * BM;
            cp_wait<0>();
            __syncthreads();
            if (tile + 1 < share.end) {
                source.load(shared, z, zStride, q0 + BM + halo, q0 + 2 * BM + halo);
                cp_commit();
            }
            source.normalise(shared, tile == share.first ? start : q0 + halo, q0 + BM + halo);
            __syncthreads();
            float sums[MF][NF][4];
            clear(sums);
            at.multiply(shared, sums, q0 + warp * (BM / WARPS), start, lane, rows, height, width, R);
            columns.drop_elements(sums, q0 + warp * (BM / WARPS), lane, rows, k, dropout);
            if (tile == share.first) {
                columns.begin(shared, sums, warp, lane);
            }
            columns.store(shared, sums, q0 + warp * (BM / WARPS), warp, lane, y, yStride, k, rows);
        }
        if (tiles == nullptr) {
            return;
        }
        cp_wait<0>();
        __syncthreads();
        columns.statistics.template write<BLOCK_THREADS>(shared, min(rows, share.end * BM) - share.first * BM, k, tiles);
    }

    __device__ __forceinline__ void multiply(unsigned char* shared, float (&sums)[MF][NF][4], int first, int start,
                                             int lane, int rows, int height, int width, int R) const {
        TappedPixel pixel[MF];
#pragma unroll
        for (int m = 0; m < MF; m++) {
            pixel[m] = TappedPixel(first + m * 16 + lane % 16, start, R, rows, height, width);
        }
        for (int tap = 0; tap < 9; tap++) {
            unsigned row[MF];
            unsigned spread[MF];
#pragma unroll
            for (int m = 0; m < MF; m++) {
                const unsigned r = pixel[m].tap(tap / 3 - 1, tap % 3 - 1, height, width, R);
                spread[m] = twist<T>(r) * CHUNK_BYTES;
                row[m] = r * PANEL_ROW_BYTES;
            }
#pragma unroll
            for (int step = 0; step < CHANNELS / STEP<T>; step++) {
                unsigned a[MF][4];
#pragma unroll
                for (int m = 0; m < MF; m++) {
                    const unsigned chunk = (step % 4 * 2 + lane / 16) * CHUNK_BYTES;
                    ldmatrix_x4(a[m], shared, row[m] + step / 4 * ring_bytes(R) + (chunk ^ spread[m]));
                }
#pragma unroll
                for (int n = 0; n < NF; n += 2) {
                    unsigned b[4];
                    ldmatrix_x4(b, shared,
                                weightsAt + (tap * PC + step / 4) * NEW * PANEL_ROW_BYTES +
                                    in_panel<T>(n * 8 + lane % 8 + lane / 16 * 8, step % 4 * 2 + lane / 8 % 2));
#pragma unroll
                    for (int m = 0; m < MF; m++) {
                        multiply_pair<T>(sums[m], n, a[m], b);
                    }
                }
            }
        }
    }
};

#define APPENDED_CONVOLUTION(suffix, T, BM, CHANNELS, NEW, WARPS, BLOCKS_OF_MULTIPROCESSOR)                              \
    BOUNDED(appended_convolution##suffix, (WARPS) * 32) \
    extern "C" __global__ void __launch_bounds__((WARPS) * 32, BLOCKS_OF_MULTIPROCESSOR)                                 \
        appended_convolution##suffix(const T* __restrict__ z, int zStride, const float* __restrict__ affine,             \
                                     int affineStride, const T* __restrict__ w, T* __restrict__ y, int yStride, int k,   \
                                     int channels, int rows, int height, int width, int ring, int tilesOfBlock,          \
                                     unsigned threshold, unsigned layerThreshold, float keptScale, unsigned seedLow,     \
                                     unsigned seedHigh, const unsigned* step, unsigned layer,                            \
                                     float* __restrict__ tiles) {                                                        \
        AppendedConvolution<T, BM, CHANNELS, NEW, WARPS>::run(                                                           \
            z, zStride, affine, affine + affineStride, w, y, yStride, k, channels, rows, height, width, ring,            \
            tilesOfBlock, Dropout{threshold, layerThreshold, keptScale, seedLow, seedHigh, step, layer}, tiles);         \
    }

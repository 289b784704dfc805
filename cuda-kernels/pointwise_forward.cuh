// The bottleneck of a dense layer: Z = relu(x * scale + shift over X[:, :K]) * W^T, with mean and sum of squared
// deviations of every channel of Z, reading X once.
//
// Shapes    x [rows, K] of rows xStride apart, the column prefix of a block's matrix, read in place; w [NT, wStride] as
//           pack_pointwise_weights leaves it; z [rows, N]; tiles [blocks, 2, N]: mean and sum of squared deviations over
//           the block's rows, which combine_statistics adds; null in inference, which takes no statistics
// Needs     rows of x and z that start on 16 bytes, N a multiple of a chunk, N <= NT
// Bytes     x, and w once a block, read; z written
// Geometry  one block for each tilesOfBlock tiles of BM rows, of which the last comes first (fragments.cuh, Tiles); every
//           tile but that is on its way while the one before is multiplied
// Shared    STAGES panels of x, all panels of w where it STAYS or else STAGES of them, eight finished rows of each warp,
//           scale and shift, sums
//
// A step of the pipeline is a panel: 128 bytes of every row. x arrives as it is stored and is normalised in fragments, in
// fp32, by the warp that multiplies it.
#pragma once
#include "fragments.cuh"

template <class T, int BM, int NT, int WM, int WN, int STAGES, bool STAYS>
struct PointwiseForward {
    static constexpr int BLOCK_THREADS = WM * WN * 32;
    static constexpr int E = PANEL_ROW_BYTES / static_cast<int>(sizeof(T));  // elements of a panel's row
    static constexpr int MF = BM / WM / 16;                                  // fragments of a warp
    static constexpr int NW = NT / WN;
    static constexpr int NF = NW / 8;
    static constexpr int ROW_PITCH = NW * static_cast<int>(sizeof(T)) + (sizeof(T) == 2 ? 16 : 32);
    static constexpr unsigned X_BYTES = BM * PANEL_ROW_BYTES;
    static constexpr unsigned W_BYTES = NT * PANEL_ROW_BYTES;
    static_assert(NF % 2 == 0 && MF >= 1 && BM * 8 % BLOCK_THREADS == 0, "shape");

    // Where the parts of shared memory lie. What does not depend on K comes first, so that it is a constant.
    static constexpr unsigned ROWS_AT = STAGES * X_BYTES;
    static constexpr unsigned SUMS_AT = ROWS_AT + WM * WN * 8 * ROW_PITCH;  // [WM, 2, NT]
    static constexpr unsigned SHIFT_AT = SUMS_AT + 2 * WM * NT * 4;         // [NT]
    static constexpr unsigned STREAM_AT = SHIFT_AT + (NT * 4 + 127) / 128 * 128;
    static constexpr unsigned AFFINE_AT = STREAM_AT + (STAYS ? 0 : STAGES * W_BYTES);

    static __device__ __forceinline__ void run(const T* __restrict__ x, int xStride, const float* __restrict__ scale,
                                               const float* __restrict__ shift, const T* __restrict__ w, int wStride,
                                               T* __restrict__ z, int zStride, int rows, int K, int N, int tilesOfBlock,
                                               bool giveWay, float* __restrict__ tiles) {
        const int panelsOfK = (K + E - 1) / E;
        const unsigned wAt = STAYS ? AFFINE_AT + panelsOfK * E * 8 : STREAM_AT;
        DYNAMIC_SHARED(AFFINE_AT + panelsOfK * (E * 8 + (STAYS ? W_BYTES : 0)));
        const int lane = threadIdx.x % 32;
        const int warp = threadIdx.x / 32;
        const int wm = warp % WM;
        const int wn = warp / WM;
        const int g = lane >> 2;
        const int t = lane & 3;
        const Tiles share(rows, BM, tilesOfBlock, blockIdx.x);

        const int chunk = threadIdx.x % 8;
        const int loadRow = threadIdx.x / 8;
        const auto load_w = [&](unsigned to, int panel) {
#pragma unroll
            for (int i = 0; i < (NT * 8 + BLOCK_THREADS - 1) / BLOCK_THREADS; i++) {
                const int r = loadRow + i * (BLOCK_THREADS / 8);
                if (NT * 8 % BLOCK_THREADS == 0 || r < NT) {
                    cp_async16(shared, to + in_panel<T>(r, chunk),
                               w + static_cast<size_t>(r) * wStride + panel * E + chunk * CHUNK<T>, CHUNK_BYTES);
                }
            }
        };
        const Keeping keeping(giveWay);
        const auto load_x = [&](unsigned to, int tile, int panel) {
            const int column = panel * E + chunk * CHUNK<T>;
            const int bytes = max(0, min(CHUNK_BYTES, (K - column) * static_cast<int>(sizeof(T))));
#pragma unroll
            for (int i = 0; i < BM * 8 / BLOCK_THREADS; i++) {
                const int r = loadRow + i * (BLOCK_THREADS / 8);
                const int row = tile * BM + r;
                const bool on = row < rows && bytes > 0;
                cp_async16(shared, to + in_panel<T>(r, chunk),
                           on ? x + static_cast<size_t>(row) * xStride + column : x, on ? bytes : 0, keeping);
            }
        };
        int nextTile = share.end - 1;
        int nextPanel = 0;
        int nextStage = 0;
        const auto load_next = [&] {
            if (nextTile >= share.first) {
                load_x(nextStage * X_BYTES, nextTile, nextPanel);
                if (!STAYS) {
                    load_w(wAt + nextStage * W_BYTES, nextPanel);
                }
                nextStage = nextStage + 1 == STAGES ? 0 : nextStage + 1;
                if (++nextPanel == panelsOfK) {
                    nextPanel = 0;
                    nextTile--;
                }
            }
            cp_commit();
        };
        if (STAYS) {
            for (int panel = 0; panel < panelsOfK; panel++) {
                load_w(wAt + panel * W_BYTES, panel);
            }
        }
        for (int i = 0; i < STAGES - 1; i++) {
            load_next();
        }
        for (int c = threadIdx.x; c < panelsOfK * E; c += BLOCK_THREADS) {
            lane_sts(shared, AFFINE_AT + c * 8, float2{c < K ? scale[c] : 0.0f, c < K ? shift[c] : 0.0f});
        }
        const StoredStatistics<T, WM, NT> statistics{SUMS_AT, SHIFT_AT};
        statistics.template clear_sums<BLOCK_THREADS>(shared);

        float sums[MF][NF][4];
        int stage = 0;
        for (int tile = share.end - 1; tile >= share.first; tile--) {
            clear(sums);
            for (int panel = 0; panel < panelsOfK; panel++) {
                // The oldest stage has arrived for this thread, behind the barrier for all; and behind it nobody reads the
                // stage that is filled next.
                cp_wait<STAGES - 2>();
                __syncthreads();
                load_next();
                const unsigned xs = stage * X_BYTES;
                const unsigned ws = wAt + (STAYS ? panel : stage) * W_BYTES;
#pragma unroll
                for (int step = 0; step < 4; step++) {
                    FragmentAffine<T> affine;
                    affine.read(shared, AFFINE_AT, panel * 4 + step, t);
                    unsigned a[MF][4];
#pragma unroll
                    for (int m = 0; m < MF; m++) {
                        const int r = wm * (BM / WM) + m * 16 + lane % 16;
                        ldmatrix_x4(a[m], shared, xs + in_panel<T>(r, step * 2 + lane / 16));
                        affine.apply(a[m]);
                    }
#pragma unroll
                    for (int n = 0; n < NF; n += 2) {
                        unsigned b[4];
                        const int r = wn * NW + n * 8 + lane % 8 + lane / 16 * 8;
                        ldmatrix_x4(b, shared, ws + in_panel<T>(r, step * 2 + lane / 8 % 2));
#pragma unroll
                        for (int m = 0; m < MF; m++) {
                            multiply_pair<T>(sums[m], n, a[m], b);
                        }
                    }
                }
                stage = stage + 1 == STAGES ? 0 : stage + 1;
            }
            if (tiles != nullptr && tile == share.end - 1) {
                if (wm == 0 && g == 0) {
                    statistics.note_shift(shared, sums[0], wn * NW, t);
                }
                __syncthreads();
            }
            store(shared, statistics, tiles != nullptr, sums, wm, wn, tile * BM + wm * (BM / WM), lane, z, zStride, rows, N);
        }
        if (tiles == nullptr) {
            return;
        }
        cp_wait<0>();
        __syncthreads();
        statistics.template write<BLOCK_THREADS>(shared, min(rows, share.end * BM) - share.first * BM, N, tiles);
    }

    // Stores a tile, eight rows of a warp at a time in whole chunks, and adds the stored values to the warp's sums.
    static __device__ __forceinline__ void store(unsigned char* shared, const StoredStatistics<T, WM, NT>& statistics,
                                                 bool counted, const float (&sums)[MF][NF][4], int wm, int wn, int row0,
                                                 int lane,
                                                 T* __restrict__ z, int zStride, int rows, int N) {
        const int g = lane >> 2;
        const int t = lane & 3;
        typename StoredStatistics<T, WM, NT>::template OfLane<NF> ofLane;
        const unsigned mine = ROWS_AT + (wn * WM + wm) * 8 * ROW_PITCH;
#pragma unroll
        for (int m = 0; m < MF; m++) {
#pragma unroll
            for (int half = 0; half < 2; half++) {
                const int first = row0 + m * 16 + half * 8;
                const bool inside = first + g < rows;
#pragma unroll
                for (int n = 0; n < NF; n++) {
                    const auto word = Pair<T>::of(sums[m][n][2 * half], sums[m][n][2 * half + 1]);
                    sts(shared, mine + g * ROW_PITCH + (n * 8 + 2 * t) * static_cast<int>(sizeof(T)), word);
                    if (counted) {
                        statistics.add(ofLane, shared, word, n, wn * NW, t, inside);
                    }
                }
                __syncwarp();
                constexpr int CHUNKS = NW * static_cast<int>(sizeof(T)) / CHUNK_BYTES;
#pragma unroll
                for (int i = 0; i < (8 * CHUNKS + 31) / 32; i++) {
                    const int r = (i * 32 + lane) / CHUNKS;
                    const int c = (i * 32 + lane) % CHUNKS;
                    const uint4 v = lds<uint4>(shared, mine + r * ROW_PITCH + c * CHUNK_BYTES, r < 8);
                    const int column = wn * NW + c * CHUNK<T>;
                    if (r < 8 && first + r < rows && column < N) {
                        stg(z + static_cast<size_t>(first + r) * zStride + column, v);
                    }
                }
                __syncwarp();
            }
        }
        if (counted) {
            statistics.keep(ofLane, shared, wm, wn * NW, lane);
        }
    }
};

#define POINTWISE_FORWARD(suffix, T, BM, NT, WM, WN, STAGES, STAYS, BLOCKS_OF_MULTIPROCESSOR)                            \
    BOUNDED(pointwise_forward##suffix, (WM) * (WN) * 32)                                                                 \
    extern "C" __global__ void __launch_bounds__((WM) * (WN) * 32, BLOCKS_OF_MULTIPROCESSOR)                             \
        pointwise_forward##suffix(const T* __restrict__ x, int xStride, const float* __restrict__ affine,                \
                                  int affineStride, const T* __restrict__ w, int wStride, T* __restrict__ z,             \
                                  int zStride, int rows, int inputs, int outputs, int tilesOfBlock, int giveWay,         \
                                  float* __restrict__ tiles) {                                                           \
        PointwiseForward<T, BM, NT, WM, WN, STAGES, STAYS>::run(x, xStride, affine, affine + affineStride, w, wStride,   \
                                                                z, zStride, rows, inputs, outputs, tilesOfBlock,         \
                                                                giveWay != 0, tiles);                                    \
    }

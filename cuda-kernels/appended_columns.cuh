// How a 3x3 convolution's finished tile leaves a block for the layer's columns: dropout, then eight rows of a warp at a
// time through shared memory, and the statistics of what is stored. Inference takes none.
#pragma once
#include "dropout.cuh"
#include "fragments.cuh"

template <class T, int BM, int NEW, int WARPS>
struct AppendedColumns {
    static constexpr int MF = BM / WARPS / 16;
    static constexpr int NF = NEW / 8;
    static constexpr int ROW_PITCH = NEW * static_cast<int>(sizeof(T)) + (sizeof(T) == 2 ? 16 : 32);
    static_assert(NF % 2 == 0 && MF >= 1, "shape");

    // Eight rows of each warp, sums of each warp, a shift of each column.
    static constexpr unsigned BYTES = WARPS * 8 * ROW_PITCH + 2 * WARPS * NEW * 4 + NEW * 4;

    unsigned rowsAt;
    bool counted;  // whether statistics are taken
    StoredStatistics<T, WARPS, NEW> statistics;

    // In BYTES of shared memory from `at`.
    __device__ __forceinline__ AppendedColumns(unsigned at, bool takesStatistics) {
        rowsAt = at;
        counted = takesStatistics;
        statistics.sumsAt = rowsAt + WARPS * 8 * ROW_PITCH;
        statistics.shiftAt = statistics.sumsAt + 2 * WARPS * NEW * 4;
    }

    // Called by the whole block with its first tile, whose first row its statistics are shifted by.
    __device__ __forceinline__ void begin(unsigned char* shared, const float (&sums)[MF][NF][4], int warp,
                                          int lane) const {
        if (counted) {
            if (warp == 0 && lane < 4) {
                statistics.note_shift(shared, sums[0], 0, lane);
            }
            __syncthreads();
        }
    }

    static __device__ __forceinline__ void drop_elements(float (&sums)[MF][NF][4], int first, int lane, int rows, int k,
                                                         const Dropout& dropout) {
        if (dropout.threshold == 0 && dropout.layerThreshold == 0) {
            return;
        }
#pragma unroll
        for (int m = 0; m < MF; m++) {
#pragma unroll
            for (int n = 0; n < NF; n++) {
#pragma unroll
                for (int half = 0; half < 2; half++) {
                    const int row = first + m * 16 + half * 8 + lane / 4;
                    const int column = n * 8 + lane % 4 * 2;
                    Channels<2> pair{{sums[m][n][2 * half], sums[m][n][2 * half + 1]}};
                    if (row < rows && column < k) {
                        drop(pair, static_cast<unsigned long long>(row) * k + column, dropout);
                    }
                    sums[m][n][2 * half] = pair.v[0];
                    sums[m][n][2 * half + 1] = pair.v[1];
                }
            }
        }
    }

    // Stores a tile, eight rows of a warp at a time, and adds the stored values to the warp's sums.
    __device__ __forceinline__ void store(unsigned char* shared, const float (&sums)[MF][NF][4], int row0, int warp,
                                          int lane, T* __restrict__ y, int yStride, int k, int rows) const {
        const int g = lane >> 2;
        const int t = lane & 3;
        typename StoredStatistics<T, WARPS, NEW>::template OfLane<NF> ofLane;
        const unsigned mine = rowsAt + warp * 8 * ROW_PITCH;
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
                        statistics.add(ofLane, shared, word, n, 0, t, inside);
                    }
                }
                __syncwarp();
                using Word = typename Four<T>::Word;
                const int pieces = k / 4;
                const bool aligned = are_four_aligned(y, yStride);
                for (int i = lane; i < 8 * pieces; i += 32) {
                    const int r = i / pieces;
                    const int c = i % pieces;
                    if (first + r < rows) {
                        store_four(y + static_cast<size_t>(first + r) * yStride + c * 4,
                                   lane_lds<Word>(shared, mine + r * ROW_PITCH + c * static_cast<int>(sizeof(Word))),
                                   aligned);
                    }
                }
                __syncwarp();
            }
        }
        if (counted) {
            statistics.keep(ofLane, shared, warp, 0, lane);
        }
    }
};

// Values at fragment positions of a dense layer's kernels: how they are stored, normalised, transposed and summed.
#pragma once
#include "panels.cuh"

// Two neighbouring values as they are stored, and as they will be read again.
template <class T>
struct Pair;

template <>
struct Pair<BFloat16> {
    using Word = unsigned;

    static __device__ __forceinline__ Word of(float a, float b) {
        return pack_bf16(a, b);
    }

    static __device__ __forceinline__ float first(Word w) {
        return __uint_as_float(w << 16);
    }

    static __device__ __forceinline__ float second(Word w) {
        return __uint_as_float(w & 0xFFFF0000u);
    }

    // As an operand of a product.
    static __device__ __forceinline__ Word operand(float a, float b) {
        return pack_bf16(a, b);
    }
};

template <>
struct Pair<float> {
    using Word = float2;

    static __device__ __forceinline__ Word of(float a, float b) {
        return float2{a, b};
    }

    static __device__ __forceinline__ float first(Word w) {
        return w.x;
    }

    static __device__ __forceinline__ float second(Word w) {
        return w.y;
    }

    static __device__ __forceinline__ Word operand(float a, float b) {
        return float2{__uint_as_float(tf32_bits(a)), __uint_as_float(tf32_bits(b))};
    }
};

// The values of a chunk of 16 bytes.
__device__ __forceinline__ void unpack(uint4 w, float (&v)[8]) {
    const unsigned u[4] = {w.x, w.y, w.z, w.w};
#pragma unroll
    for (int i = 0; i < 4; i++) {
        v[2 * i] = __uint_as_float(u[i] << 16);
        v[2 * i + 1] = __uint_as_float(u[i] & 0xFFFF0000u);
    }
}

__device__ __forceinline__ void unpack(uint4 w, float (&v)[4]) {
    v[0] = __uint_as_float(w.x);
    v[1] = __uint_as_float(w.y);
    v[2] = __uint_as_float(w.z);
    v[3] = __uint_as_float(w.w);
}

__device__ __forceinline__ uint4 operand_chunk(const float (&v)[8]) {
    return uint4{pack_bf16(v[0], v[1]), pack_bf16(v[2], v[3]), pack_bf16(v[4], v[5]), pack_bf16(v[6], v[7])};
}

__device__ __forceinline__ uint4 operand_chunk(const float (&v)[4]) {
    return uint4{tf32_bits(v[0]), tf32_bits(v[1]), tf32_bits(v[2]), tf32_bits(v[3])};
}

// Four neighbouring values, the width in which new features lie in a block's columns.
template <class T>
struct Four;

template <>
struct Four<BFloat16> {
    using Word = uint2;

    static __device__ __forceinline__ void unpack(Word w, float (&v)[4]) {
        v[0] = __uint_as_float(w.x << 16);
        v[1] = __uint_as_float(w.x & 0xFFFF0000u);
        v[2] = __uint_as_float(w.y << 16);
        v[3] = __uint_as_float(w.y & 0xFFFF0000u);
    }

    static __device__ __forceinline__ Word operand(const float (&v)[4]) {
        return uint2{pack_bf16(v[0], v[1]), pack_bf16(v[2], v[3])};
    }
};

template <>
struct Four<float> {
    using Word = uint4;

    static __device__ __forceinline__ void unpack(Word w, float (&v)[4]) {
        ::unpack(w, v);
    }

    static __device__ __forceinline__ Word operand(const float (&v)[4]) {
        return operand_chunk(v);
    }
};

// Whether four values of every row from `p` on are one access; otherwise they are two.
template <class T>
__device__ __forceinline__ bool are_four_aligned(const T* p, int stride) {
    return reinterpret_cast<size_t>(p) % sizeof(typename Four<T>::Word) == 0 && stride % 4 == 0;
}

template <class T>
__device__ __forceinline__ typename Four<T>::Word load_four(const T* p, bool aligned) {
    using Word = typename Four<T>::Word;
    if (aligned) {
        return *reinterpret_cast<const Word*>(p);
    }
    struct alignas(sizeof(Word) / 2) Half {
        unsigned char bytes[sizeof(Word) / 2];
    };
    struct Halves {
        Half half[2];
    };
    const Halves halves{{*reinterpret_cast<const Half*>(p), *reinterpret_cast<const Half*>(p + 2)}};
    Word word;
    memcpy(&word, &halves, sizeof(Word));
    return word;
}

template <class T>
__device__ __forceinline__ void store_four(T* p, typename Four<T>::Word word, bool aligned) {
    if (aligned) {
        stg(p, word);
        return;
    }
    struct alignas(sizeof(word) / 2) Half {
        unsigned char bytes[sizeof(word) / 2];
    };
    Half half[2];
    memcpy(half, &word, sizeof(word));
    stg(p, half[0]);
    stg(p + 2, half[1]);
}

// max(0, x * scale + shift) of a fragment of x, as an operand. `table` holds (scale, shift) of every channel.
template <class T>
struct FragmentAffine;

template <>
struct FragmentAffine<BFloat16> {
    float4 low;   // of channels 2t and 2t + 1 of a step
    float4 high;  // of 2t + 8 and 2t + 9

    __device__ __forceinline__ void read(unsigned char* shared, unsigned table, int step, int t) {
        low = lds<float4>(shared, table + (step * 16 + 2 * t) * 8);
        high = lds<float4>(shared, table + (step * 16 + 2 * t + 8) * 8);
    }

    static __device__ __forceinline__ unsigned apply(unsigned x, float4 f) {
        return pack_bf16(relu(fmaf(__uint_as_float(x << 16), f.x, f.y)),
                         relu(fmaf(__uint_as_float(x & 0xFFFF0000u), f.z, f.w)));
    }

    __device__ __forceinline__ void apply(unsigned (&a)[4]) const {
        a[0] = apply(a[0], low);
        a[1] = apply(a[1], low);
        a[2] = apply(a[2], high);
        a[3] = apply(a[3], high);
    }
};

template <>
struct FragmentAffine<float> {
    float2 low;   // of channel t of a step
    float2 high;  // of t + 4

    __device__ __forceinline__ void read(unsigned char* shared, unsigned table, int step, int t) {
        low = lds<float2>(shared, table + (step * 8 + t) * 8);
        high = lds<float2>(shared, table + (step * 8 + t + 4) * 8);
    }

    static __device__ __forceinline__ unsigned apply(unsigned x, float2 f) {
        return tf32_bits(relu(fmaf(__uint_as_float(x), f.x, f.y)));
    }

    __device__ __forceinline__ void apply(unsigned (&a)[4]) const {
        a[0] = apply(a[0], low);
        a[1] = apply(a[1], low);
        a[2] = apply(a[2], high);
        a[3] = apply(a[3], high);
    }
};

// Fragments whose summed dimension is the row of a panel: by ldmatrix.trans in bf16, by 4-byte reads in TF32, since
// .trans moves 16 bits. `rows` is the number of rows of a panel, `k` the first row, `column` the first column.
template <class T>
struct Transposed;

template <>
struct Transposed<BFloat16> {
    static __device__ __forceinline__ void a(unsigned (&r)[4], unsigned char* shared, unsigned at, int rows, int k,
                                             int column, int lane) {
        const int c = column / 8 + lane / 8 % 2;
        ldmatrix_x4_trans(
            r, shared, at + c / 8 * rows * PANEL_ROW_BYTES + in_panel<BFloat16>(k + lane / 16 * 8 + lane % 8, c % 8));
    }

    // Of two fragments that are neighbours along the columns.
    static __device__ __forceinline__ void b(unsigned (&r)[4], unsigned char* shared, unsigned at, int rows, int k,
                                             int column, int lane) {
        const int c = column / 8 + lane / 16;
        ldmatrix_x4_trans(
            r, shared, at + c / 8 * rows * PANEL_ROW_BYTES + in_panel<BFloat16>(k + lane / 8 % 2 * 8 + lane % 8, c % 8));
    }
};

template <>
struct Transposed<float> {
    static __device__ __forceinline__ unsigned one(unsigned char* shared, unsigned at, int rows, int k, int column) {
        return lds<unsigned>(shared, at + column / 32 * rows * PANEL_ROW_BYTES + in_panel<float>(k, column % 32 / 4) +
                                         column % 4 * 4);
    }

    static __device__ __forceinline__ void a(unsigned (&r)[4], unsigned char* shared, unsigned at, int rows, int k,
                                             int column, int lane) {
        const int g = lane / 4;
        const int t = lane % 4;
        r[0] = one(shared, at, rows, k + t, column + g);
        r[1] = one(shared, at, rows, k + t, column + g + 8);
        r[2] = one(shared, at, rows, k + t + 4, column + g);
        r[3] = one(shared, at, rows, k + t + 4, column + g + 8);
    }

    static __device__ __forceinline__ void b(unsigned (&r)[4], unsigned char* shared, unsigned at, int rows, int k,
                                             int column, int lane) {
        const int g = lane / 4;
        const int t = lane % 4;
        r[0] = one(shared, at, rows, k + t, column + g);
        r[1] = one(shared, at, rows, k + t + 4, column + g);
        r[2] = one(shared, at, rows, k + t, column + g + 8);
        r[3] = one(shared, at, rows, k + t + 4, column + g + 8);
    }
};

template <int M, int N>
__device__ __forceinline__ void clear(float (&sums)[M][N][4]) {
#pragma unroll
    for (int i = 0; i < M * N * 4; i++) {
        sums[i / (N * 4)][i / 4 % N][i % 4] = 0.0f;
    }
}

// The product of a fragment of A with two neighbouring fragments of B.
template <class T, int N>
__device__ __forceinline__ void multiply_pair(float (&sums)[N][4], int n, const unsigned (&a)[4],
                                              const unsigned (&b)[4]) {
    const unsigned first[2] = {b[0], b[1]};
    const unsigned second[2] = {b[2], b[3]};
    mma(sums[n], a, first, T{});
    mma(sums[n + 1], a, second, T{});
}

// Adds v[0 .. C) over the lanes that differ in bits 4, 3 and 2 of their number, the rows of a fragment. Halves go to
// different lanes, so that C values take about C shuffles and not 3 C. Afterwards v[0 ..] are the sums of columns first,
// first + 1, …, in the lanes whose `owner` is still true.
template <int C, int MASK>
__device__ __forceinline__ void sum_rows(float* v, int lane, int& first, bool& owner) {
    if constexpr (MASK >= 4) {
        if constexpr (C % 2 == 0) {
            constexpr int HALF = C / 2;
            const bool upper = (lane & MASK) != 0;
#pragma unroll
            for (int i = 0; i < HALF; i++) {
                const float send = upper ? v[i] : v[HALF + i];
                const float keep = upper ? v[HALF + i] : v[i];
                v[i] = keep + __shfl_xor_sync(0xFFFFFFFFu, send, MASK);
            }
            first += upper ? HALF : 0;
            sum_rows<HALF, MASK / 2>(v, lane, first, owner);
        } else {
#pragma unroll
            for (int i = 0; i < C; i++) {
                v[i] += __shfl_xor_sync(0xFFFFFFFFu, v[i], MASK);
            }
            owner = owner && (lane & MASK) == 0;
            sum_rows<C, MASK / 2>(v, lane, first, owner);
        }
    }
}

// How many columns a lane has after sum_rows.
template <int C, int STEPS = 3>
__device__ constexpr int columns_left() {
    if constexpr (STEPS == 0) {
        return C;
    } else {
        return columns_left<C % 2 == 0 ? C / 2 : C, STEPS - 1>();
    }
}

// Two sums of each of a warp's columns, 2 N fragments of which lie beside each other: put(column, first, second) is called
// by the lane that has them, with the column within the warp's.
template <int N, class Put>
__device__ __forceinline__ void for_column_sums(float (&first)[2 * N], float (&second)[2 * N], int lane, Put put) {
    int column = 0;
    int again = 0;
    bool owner = true;
    sum_rows<2 * N, 16>(first, lane, column, owner);
    sum_rows<2 * N, 16>(second, lane, again, owner);
    if (owner) {
#pragma unroll
        for (int i = 0; i < columns_left<2 * N>(); i++) {
            put((column + i) / 2 * 8 + 2 * (lane % 4) + (column + i) % 2, first[i], second[i]);
        }
    }
}

// Mean and sum of squared deviations of every column that a block stores, from sums over its tiles. They are shifted by the
// first row that the block multiplies, so that a large mean does not cancel the variance; sums are taken of stored, rounded values. Warps that
// lie above each other have sums of their own [WARPS_DOWN, 2, COLUMNS] at SUMS_AT; the shift [COLUMNS] is at SHIFT_AT.
template <class T, int WARPS_DOWN, int COLUMNS>
struct StoredStatistics {
    unsigned sumsAt;
    unsigned shiftAt;

    template <int BLOCK_THREADS>
    __device__ __forceinline__ void clear_sums(unsigned char* shared) const {
        for (int i = threadIdx.x; i < 2 * WARPS_DOWN * COLUMNS; i += BLOCK_THREADS) {
            lane_sts(shared, sumsAt + 4 * i, 0.0f);
        }
    }

    // Called by the lanes of the first row's warps, whose columns begin at `column`, with that row's fragments.
    template <int NF>
    __device__ __forceinline__ void note_shift(unsigned char* shared, const float (&sums)[NF][4], int column,
                                               int t) const {
#pragma unroll
        for (int n = 0; n < NF; n++) {
            const auto word = Pair<T>::of(sums[n][0], sums[n][1]);
            lane_sts(shared, shiftAt + (column + n * 8 + 2 * t) * 4,
                     float2{Pair<T>::first(word), Pair<T>::second(word)});
        }
    }

    // A lane's sums of two neighbouring columns of each fragment.
    template <int NF>
    struct OfLane {
        float sum[2 * NF];
        float squares[2 * NF];

        __device__ __forceinline__ OfLane() {
#pragma unroll
            for (int i = 0; i < 2 * NF; i++) {
                sum[i] = squares[i] = 0.0f;
            }
        }
    };

    template <int NF>
    __device__ __forceinline__ void add(OfLane<NF>& of, unsigned char* shared, typename Pair<T>::Word stored, int n,
                                        int column, int t, bool inside) const {
        const float2 shift = lds<float2>(shared, shiftAt + (column + n * 8 + 2 * t) * 4);
        const float d0 = inside ? Pair<T>::first(stored) - shift.x : 0.0f;
        const float d1 = inside ? Pair<T>::second(stored) - shift.y : 0.0f;
        of.sum[2 * n] += d0;
        of.sum[2 * n + 1] += d1;
        of.squares[2 * n] = fmaf(d0, d0, of.squares[2 * n]);
        of.squares[2 * n + 1] = fmaf(d1, d1, of.squares[2 * n + 1]);
    }

    // Adds a lane's sums to its warp's.
    template <int NF>
    __device__ __forceinline__ void keep(OfLane<NF>& of, unsigned char* shared, int warpDown, int firstColumn,
                                         int lane) const {
        for_column_sums<NF>(of.sum, of.squares, lane, [&](int column, float s, float q) {
            const unsigned to = sumsAt + (2 * warpDown * COLUMNS + firstColumn + column) * 4;
            lane_sts(shared, to, lane_lds<float>(shared, to) + s);
            lane_sts(shared, to + COLUMNS * 4, lane_lds<float>(shared, to + COLUMNS * 4) + q);
        });
    }

    // The block's own of the first `columns`, into its two rows of `tiles` [blocks, 2, columns].
    template <int BLOCK_THREADS>
    __device__ __forceinline__ void write(unsigned char* shared, int count, int columns,
                                          float* __restrict__ tiles) const {
        for (int c = threadIdx.x; c < columns; c += BLOCK_THREADS) {
            float s = 0.0f;
            float q = 0.0f;
            for (int m = 0; m < WARPS_DOWN; m++) {
                s += lane_lds<float>(shared, sumsAt + (2 * m * COLUMNS + c) * 4);
                q += lane_lds<float>(shared, sumsAt + ((2 * m + 1) * COLUMNS + c) * 4);
            }
            const float mean = s / count;
            float* const to = tiles + static_cast<size_t>(blockIdx.x) * 2 * columns + c;
            to[0] = lane_lds<float>(shared, shiftAt + c * 4) + mean;
            to[columns] = fmaxf(0.0f, q - s * mean);
        }
    }
};

// The tiles of a block: contiguous, as many for each block but possibly the last. Kernels of 1x1 convolutions go through
// them from the last to the first, those of 3x3 convolutions from the first to the last: the kernels of a layer take
// turns, so each begins near where the one before has ended, with what is still in the level-2 cache.
struct Tiles {
    int first;
    int end;

    __device__ __forceinline__ Tiles(int rows, int rowsOfTile, int tilesOfBlock, int block) {
        const int all = (rows + rowsOfTile - 1) / rowsOfTile;
        first = block * tilesOfBlock;
        end = min(all, first + tilesOfBlock);
    }
};

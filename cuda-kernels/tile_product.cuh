// C[m, n] (+)= A[m, k] * B[k, n] by tiles in shared memory: what matrix products and convolutions share. They differ
// in where an element of A or B lies, which an operand's `load` knows.
//
// A block computes a tile of C [M, N] over a part of the summed dimension, its depth, in steps of 16. While it
// multiplies one step from shared memory, the next is on its way from global memory to registers.
//
// Parts     Where C has too few tiles to fill the device, the depth is cut into parts. Each part writes its own sums
//           [part, m, n] and add_parts adds them in order: no atomics, so sums are bit-identical from run to run.
// Operands  along_depth(): whether neighbours in memory are neighbours in depth, or else in the
//           other dimension, the width (rows of A, columns of B). place(i): what a thread needs to know of width i,
//           once for all depths. load(p, end, place): four neighbours in that direction from depth p; 0 behind `end`
//           in depth and behind the operand's width.
// Bytes     4 * (m * k + k * n) of operands read (a convolution's images once, not once a tap), 4 * m * n written, read too
//           when adding; where the depth is cut, 4 * m * n a part written and read again by add_parts;
//           through shared memory 4 * m * n * k * (1/M + 1/N)
// Geometry  blocks of 256 threads; blockIdx.x counts tiles of C, columns fastest, blockIdx.y parts of the depth
#pragma once
#include "common.cuh"
#include "tensor_cores.cuh"

constexpr int DEPTH = 16;

// Rows of a tile in shared memory lie 8 banks apart, so that a tensor core's lanes, 8 along the width by 4 along
// the depth, meet all 32 banks.
constexpr int PADDING = 8;

// Where element i of row p lies in that row. Values that lie along the depth are stored by lanes that are 4, 8 and 12
// rows apart: turned like this they meet different banks, too. Four neighbours stay neighbours.
__device__ __forceinline__ int turned(int p, int i) {
    return i ^ (p / 4 % 4 * 8);
}

// The first `count` of four values, and 0 behind them.
template <class T>
__device__ __forceinline__ Channels<4> load_some(const T* __restrict__ p, int count, bool aligned) {
    if (aligned && count >= 4) {
        return load<4>(p);
    }
    Channels<4> values = zeros<4>();
#pragma unroll
    for (int j = 0; j < 4; j++) {
        if (j < count) {
            values.v[j] = load_one(p + j);
        }
    }
    return values;
}

// A matrix in memory, rows `stride` elements apart.
template <class T>
struct StridedOperand {
    const T* __restrict__ x;
    int stride;
    int width;
    bool alongDepth;  // whether a row of the matrix lies along the depth
    bool aligned;     // whether every row starts on the bytes of four

    using Place = int;

    __device__ bool along_depth() const {
        return alongDepth;
    }

    __device__ int place(int i) const {
        return i;
    }

    __device__ Channels<4> load(int p, int end, int i) const {
        if (p >= end || i >= width) {
            return zeros<4>();
        }
        return alongDepth ? load_some(x + at(i, stride, p), end - p, aligned)
                          : load_some(x + at(p, stride, i), width - i, aligned);
    }
};

// Where a thread's slot lies in a tile of width W: each of 256 threads brings four neighbours in a slot.
template <int W>
struct Slot {
    int p;
    int i;
    bool inside;

    __device__ Slot(int slot, bool alongDepth) {
        const int v = slot * THREADS + threadIdx.x;
        inside = v < W * DEPTH / 4;
        p = alongDepth ? v % (DEPTH / 4) * 4 : v / (W / 4);
        i = alongDepth ? v / (DEPTH / 4) : v % (W / 4) * 4;
    }
};

// Four neighbours for each thread and slot.
template <int W, class Operand>
struct Fetched {
    static constexpr int SLOTS = (W * DEPTH / 4 + THREADS - 1) / THREADS;
    const Operand& operand;
    typename Operand::Place places[SLOTS];
    Channels<4> values[SLOTS];

    // `width`: where the tile begins.
    __device__ __forceinline__ Fetched(const Operand& of, int width) : operand(of) {
#pragma unroll
        for (int s = 0; s < SLOTS; s++) {
            places[s] = operand.place(width + Slot<W>(s, operand.along_depth()).i);
        }
    }

    __device__ __forceinline__ void fetch(int depth, int end) {
#pragma unroll
        for (int s = 0; s < SLOTS; s++) {
            const Slot<W> slot(s, operand.along_depth());
            if (slot.inside) {
                values[s] = operand.load(depth + slot.p, end, places[s]);
            }
        }
    }

    template <class Arithmetic>
    __device__ __forceinline__ void put(float (*tile)[W + PADDING]) {
        const bool alongDepth = operand.along_depth();
#pragma unroll
        for (int s = 0; s < SLOTS; s++) {
            const Slot<W> slot(s, alongDepth);
            if (!slot.inside) {
                continue;
            }
#pragma unroll
            for (int j = 0; j < 4; j++) {
                values[s].v[j] = Arithmetic::operand(values[s].v[j]);
            }
            if (alongDepth) {
#pragma unroll
                for (int j = 0; j < 4; j++) {
                    tile[slot.p + j][turned(slot.p, slot.i)] = values[s].v[j];
                }
            } else {
                store(&tile[slot.p][turned(slot.p, slot.i)], values[s]);
            }
        }
    }
};

// C, or the sums of a part, which are floats.
template <class T>
struct Result {
    using Type = T;

    T* c;
    int stride;
    bool add;
    bool aligned;  // whether every row starts on the bytes of four
    int m;
    int n;

    // Writes W neighbours of a row, W = 1, 2 or 4.
    template <int W>
    __device__ __forceinline__ void put(int row, int column, const float* sums) const {
        if (row >= m) {
            return;
        }
        T* target = c + at(row, stride, column);
        if (aligned && column + W <= n) {
            Channels<W> total = add ? load<W>(target) : zeros<W>();
#pragma unroll
            for (int j = 0; j < W; j++) {
                total.v[j] += sums[j];
            }
            store(target, total);
            return;
        }
#pragma unroll
        for (int j = 0; j < W; j++) {
            if (column + j < n) {
                store_one(target + j, add ? load_one(target + j) + sums[j] : sums[j]);
            }
        }
    }
};

// 16 x 16 threads; each multiplies R rows by S columns in float32.
template <int M, int N>
struct Float32 {
    static constexpr int R = M / 16;
    static constexpr int S = N / 16;
    static constexpr int WIDE_R = R < 4 ? R : 4;
    static constexpr int WIDE_S = S < 4 ? S : 4;
    float sum[R][S];

    static __device__ __forceinline__ float operand(float value) {
        return value;
    }

    __device__ __forceinline__ Float32() {
#pragma unroll
        for (int i = 0; i < R; i++) {
#pragma unroll
            for (int j = 0; j < S; j++) {
                sum[i][j] = 0.0f;
            }
        }
    }

    // The i-th of a thread's rows or columns: groups of WIDE neighbours, the same group of all 16 threads together.
    template <int WIDE>
    static __device__ __forceinline__ int index(int thread, int i) {
        return (i / WIDE * 16 + thread) * WIDE + i % WIDE;
    }

    template <int COUNT, int WIDE>
    static __device__ __forceinline__ void read(const float* row, int p, int thread, float* values) {
#pragma unroll
        for (int i = 0; i < COUNT; i += WIDE) {
            const Channels<WIDE> some = load<WIDE>(row + turned(p, index<WIDE>(thread, i)));
#pragma unroll
            for (int j = 0; j < WIDE; j++) {
                values[i + j] = some.v[j];
            }
        }
    }

    __device__ __forceinline__ void add(const float (*a)[M + PADDING], const float (*b)[N + PADDING]) {
#pragma unroll
        for (int p = 0; p < DEPTH; p++) {
            float x[R];
            float y[S];
            read<R, WIDE_R>(a[p], p, threadIdx.x / 16, x);
            read<S, WIDE_S>(b[p], p, threadIdx.x % 16, y);
#pragma unroll
            for (int i = 0; i < R; i++) {
#pragma unroll
                for (int j = 0; j < S; j++) {
                    sum[i][j] = fmaf(x[i], y[j], sum[i][j]);
                }
            }
        }
    }

    template <class Result>
    __device__ __forceinline__ void write(const Result& result, int row, int column) const {
#pragma unroll
        for (int i = 0; i < R; i++) {
#pragma unroll
            for (int j = 0; j < S; j += WIDE_S) {
                result.template put<WIDE_S>(row + index<WIDE_R>(threadIdx.x / 16, i),
                                            column + index<WIDE_S>(threadIdx.x % 16, j), &sum[i][j]);
            }
        }
    }
};

#ifdef TENSOR_CORES_HAVE_TF32
// 8 warps; each multiplies 32 rows by COLUMNS columns on tensor cores.
template <int M, int N>
struct TensorFloat32 {
    static constexpr int WARPS_DOWN = M / 32;
    static constexpr int COLUMNS = N / (THREADS / 32 / WARPS_DOWN);
    static constexpr int R = 2;
    static constexpr int S = COLUMNS / 8;
    float sum[R][S][4];

    static __device__ __forceinline__ float operand(float value) {
        return round_to_tf32(value);
    }

    __device__ __forceinline__ TensorFloat32() {
#pragma unroll
        for (int i = 0; i < R * S * 4; i++) {
            sum[i / 4 / S][i / 4 % S][i % 4] = 0.0f;
        }
    }

    static __device__ __forceinline__ int first_row() {
        return threadIdx.x / 32 % WARPS_DOWN * 32;
    }

    static __device__ __forceinline__ int first_column() {
        return threadIdx.x / 32 / WARPS_DOWN * COLUMNS;
    }

    __device__ __forceinline__ void add(const float (*a)[M + PADDING], const float (*b)[N + PADDING]) {
        const int g = threadIdx.x % 32 / 4;
        const int t = threadIdx.x % 4;
#pragma unroll
        for (int p = 0; p < DEPTH; p += 8) {
            float x[R][4];
            float y[S][2];
#pragma unroll
            for (int i = 0; i < R; i++) {
                const int row = first_row() + 16 * i + g;
                x[i][0] = a[p + t][turned(p, row)];
                x[i][1] = a[p + t][turned(p, row + 8)];
                x[i][2] = a[p + t + 4][turned(p + 4, row)];
                x[i][3] = a[p + t + 4][turned(p + 4, row + 8)];
            }
#pragma unroll
            for (int j = 0; j < S; j++) {
                const int column = first_column() + 8 * j + g;
                y[j][0] = b[p + t][turned(p, column)];
                y[j][1] = b[p + t + 4][turned(p + 4, column)];
            }
#pragma unroll
            for (int i = 0; i < R; i++) {
#pragma unroll
                for (int j = 0; j < S; j++) {
                    mma_m16n8k8(sum[i][j], x[i], y[j]);
                }
            }
        }
    }

    template <class Result>
    __device__ __forceinline__ void write(const Result& result, int row, int column) const {
        const int g = threadIdx.x % 32 / 4;
        const int t = threadIdx.x % 4;
#pragma unroll
        for (int i = 0; i < R; i++) {
#pragma unroll
            for (int j = 0; j < S; j++) {
                const int r = row + first_row() + 16 * i + g;
                const int c = column + first_column() + 8 * j + 2 * t;
                result.template put<2>(r, c, &sum[i][j][0]);
                result.template put<2>(r + 8, c, &sum[i][j][2]);
            }
        }
    }
};
#endif

// A tile of C, or of a part's sums. Every thread of the block must call this.
template <int M, int N, class Arithmetic, class A, class B, class Result>
__device__ __forceinline__ void tile_product(const A& a, const B& b, Result result, int k, int depthOfPart) {
    alignas(16) __shared__ float tileA[2][DEPTH][M + PADDING];
    alignas(16) __shared__ float tileB[2][DEPTH][N + PADDING];
    const int across = (result.n + N - 1) / N;
    const int row = blockIdx.x / across * M;
    const int column = blockIdx.x % across * N;
    const int first = blockIdx.y * depthOfPart;
    const int end = min(k, first + depthOfPart);
    Fetched<M, A> nextA(a, row);
    Fetched<N, B> nextB(b, column);
    nextA.fetch(first, end);
    nextB.fetch(first, end);
    Arithmetic sums;
    int buffer = 0;
    for (int depth = first; depth < end; depth += DEPTH) {
        nextA.template put<Arithmetic>(tileA[buffer]);
        nextB.template put<Arithmetic>(tileB[buffer]);
        // One barrier a step is enough: who fills a buffer again has passed the barrier of the step between, and with
        // it everyone who read that buffer.
        __syncthreads();
        if (depth + DEPTH < end) {
            nextA.fetch(depth + DEPTH, end);
            nextB.fetch(depth + DEPTH, end);
        }
        sums.add(tileA[buffer], tileB[buffer]);
        buffer ^= 1;
    }
    result.c += static_cast<size_t>(blockIdx.y) * result.m * result.n;  // parts lie one behind the other
    sums.write(result, row, column);
}

// Products of values that are stored in bf16: on tensor cores as TF32, of which bf16 is a part, so that no operand is
// rounded; as floats where tensor cores do not know TF32.
#ifdef TENSOR_CORES_HAVE_TF32
template <int M, int N>
struct OfBFloat16 : TensorFloat32<M, N> {
    static __device__ __forceinline__ float operand(float value) {
        return value;
    }
};
#else
template <int M, int N>
using OfBFloat16 = Float32<M, N>;
#endif

// An entry point for each tile, arithmetic and storage of operands (`Source`) and result (`Stored`); Java picks one by
// the shape, the types, the options and the device. The second block of a multiprocessor hides what the first waits
// for.
#define PRODUCT_KERNEL(name, arithmetic, suffix, M, N, parameters, arguments)                           \
    extern "C" __global__ void __launch_bounds__(THREADS, 2) name##suffix##_##M##x##N parameters { \
        name<M, N, arithmetic<M, N>> arguments;                                                         \
    }

#ifdef TENSOR_CORES_HAVE_TF32
#define PRODUCTS_OF_FLOATS(name, M, N, parameters, arguments)               \
    namespace of_floats {                                                   \
    PRODUCT_KERNEL(name, Float32, , M, N, parameters, arguments)            \
    PRODUCT_KERNEL(name, TensorFloat32, _tf32, M, N, parameters, arguments) \
    }
#else
#define PRODUCTS_OF_FLOATS(name, M, N, parameters, arguments)    \
    namespace of_floats {                                        \
    PRODUCT_KERNEL(name, Float32, , M, N, parameters, arguments) \
    }
#endif

// What is multiplied in bf16 becomes bf16 again, or floats where it is a gradient of weights or a part's sums.
#define PRODUCTS_TO_FLOATS(name, M, N, parameters, arguments)                 \
    PRODUCTS_OF_FLOATS(name, M, N, parameters, arguments)                     \
    namespace from_bfloat16 {                                                 \
    PRODUCT_KERNEL(name, OfBFloat16, _from_bf16, M, N, parameters, arguments) \
    }

#define PRODUCT_KERNELS(name, M, N, parameters, arguments)               \
    PRODUCTS_TO_FLOATS(name, M, N, parameters, arguments)                \
    namespace of_bfloat16 {                                              \
    PRODUCT_KERNEL(name, OfBFloat16, _bf16, M, N, parameters, arguments) \
    }

// Adds what lies `size` apart, in order.
__device__ __forceinline__ float sum_over_parts(const float* sums, int parts, size_t size) {
    float sum = 0.0f;
#pragma unroll 8
    for (int part = 0; part < parts; part++) {
        sum += sums[part * size];
    }
    return sum;
}

// Element i of c (+)= the sum of the parts [parts, m, n].
template <class T>
__device__ __forceinline__ void add_parts_of_element(int i, const float* sums, int parts, int m, int n, T* c, int stride,
                                                     int add) {
    const int row = i / n;
    if (row < m) {
        const float sum = sum_over_parts(sums + i, parts, static_cast<size_t>(m) * n);
        T* target = c + at(row, stride, i % n);
        store_one(target, add ? load_one(target) + sum : sum);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS)
    add_parts(const float* sums, int parts, int m, int n, float* c, int stride, int add) {
    add_parts_of_element(blockIdx.x * THREADS + threadIdx.x, sums, parts, m, n, c, stride, add);
}

extern "C" __global__ void __launch_bounds__(THREADS)
    add_parts_bf16(const float* sums, int parts, int m, int n, BFloat16* c, int stride, int add) {
    add_parts_of_element(blockIdx.x * THREADS + threadIdx.x, sums, parts, m, n, c, stride, add);
}

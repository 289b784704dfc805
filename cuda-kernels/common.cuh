// Shared by every kernel: how threads lie over a feature matrix, how its elements are stored, and wide access to them.
//
// What kernels say of their bytes is for activations that are floats; in bf16 those take half.
//
// A feature matrix is row-major [rows, channels]: one row a pixel (NHWC), rows `stride` elements apart, because a
// layer reads the column prefix of its block's matrix.
//
// Launch geometry of the tiled kernels (Tiling.java):
//   block   blockDim.x threads along channels, blockDim.y along rows, 256 together, both powers of two;
//           a thread owns V consecutive channels: V = 4 where every row starts on the bytes of four, else V = 1
//   grid    blockIdx.x counts tiles of blockDim.x * V channels, blockIdx.y tiles of rowsPerTile rows
//
// Per-channel sums: threads of a block are added in a tree, each block writes its own tile of `tiles`
// [row tiles, 2, channels], and a second small kernel adds the tiles in order. There are no atomics, so sums are
// bit-identical from run to run.
#pragma once

#ifdef DENSENET4J_EMULATION
#include "host/cuda_emulation.h"
#endif
#include "storage.cuh"

constexpr int THREADS = 256;

// Blocks of a tiled kernel that a multiprocessor holds, for which its registers are bounded. Java cuts a matrix into
// as many blocks as fill a device (Tiling.java): one more than fits would run alone behind all others.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
constexpr int BLOCKS = 4;  // 1024 threads are all that Turing holds
#else
constexpr int BLOCKS = 5;
#endif

// The same of kernels that look at a pixel's neighbours, for which registers of five blocks are too few.
constexpr int WINDOW_BLOCKS = 4;

// V values of consecutive channels.
template <int V>
struct alignas(4 * V) Channels {
    float v[V];
};

template <int V>
__device__ __forceinline__ Channels<V> load(const float* p) {
    return *reinterpret_cast<const Channels<V>*>(p);
}

template <int V>
__device__ __forceinline__ void store(float* p, Channels<V> values) {
    *reinterpret_cast<Channels<V>*>(p) = values;
}

// V values in bf16, read or written by one access of 2 * V bytes.
template <int V>
struct alignas(2 * V) StoredChannels {
    BFloat16 v[V];
};

template <int V>
__device__ __forceinline__ Channels<V> load(const BFloat16* p) {
    const StoredChannels<V> stored = *reinterpret_cast<const StoredChannels<V>*>(p);
    Channels<V> values;
#pragma unroll
    for (int i = 0; i < V; i++) {
        values.v[i] = widened(stored.v[i]);
    }
    return values;
}

template <int V>
__device__ __forceinline__ void store(BFloat16* p, Channels<V> values) {
    StoredChannels<V> stored;
#pragma unroll
    for (int i = 0; i < V; i++) {
        stored.v[i] = rounded(values.v[i]);
    }
    *reinterpret_cast<StoredChannels<V>*>(p) = stored;
}

// A single value, whatever it is stored in.
template <class T>
__device__ __forceinline__ float load_one(const T* p) {
    return load<1>(p).v[0];
}

template <class T>
__device__ __forceinline__ void store_one(T* p, float value) {
    store<1>(p, {{value}});
}

// Where a computed value is stored and read again at once: what it is then.
template <class T, int V>
__device__ __forceinline__ Channels<V> as_stored(Channels<V> values) {
    if (sizeof(T) == sizeof(BFloat16)) {
#pragma unroll
        for (int i = 0; i < V; i++) {
            values.v[i] = widened(rounded(values.v[i]));
        }
    }
    return values;
}

template <int V>
__device__ __forceinline__ Channels<V> zeros() {
    Channels<V> z;
#pragma unroll
    for (int i = 0; i < V; i++) {
        z.v[i] = 0.0f;
    }
    return z;
}

// First of the channels that this thread owns.
template <int V>
__device__ __forceinline__ int first_channel() {
    return (blockIdx.x * blockDim.x + threadIdx.x) * V;
}

// The rows of this block: [first, end).
struct Rows {
    int first;
    int end;
};

__device__ __forceinline__ Rows rows_of_tile(int rows, int rowsPerTile) {
    const int first = blockIdx.y * rowsPerTile;
    return {first, rows - first < rowsPerTile ? rows : first + rowsPerTile};
}

// Rows of a thread that are on their way from memory at a time: enough to hide its latency with the threads that a
// multiprocessor holds (about 40 KB in flight), not more than registers allow.
template <int V, int OPERANDS, class T = float>
constexpr int ROWS_AT_ONCE =
    V == 1 ? 4 : (OPERANDS == 1 ? 2 : 1) * (sizeof(T) < sizeof(float) && OPERANDS < 3 ? 2 : 1);

// use(row, fetch(row)) for each of the thread's rows, AT_ONCE of which are fetched before the first is used.
// The compiler cannot do that by itself, since what `use` writes might be what a later `fetch` reads. Kernels that
// work in place write a row where they read that row, which is safe here.
template <int AT_ONCE, class Fetch, class Use>
__device__ __forceinline__ void for_rows(Rows rows, Fetch fetch, Use use) {
    using Values = decltype(fetch(0));
    const int step = blockDim.y;
    for (int first = rows.first + threadIdx.y; first < rows.end; first += AT_ONCE * step) {
        Values values[AT_ONCE];
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++) {
            const int row = first + i * step;
            values[i] = row < rows.end ? fetch(row) : Values{};
        }
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++) {
            const int row = first + i * step;
            if (row < rows.end) {
                use(row, values[i]);
            }
        }
    }
}

// Address of a matrix element; rows times stride can exceed 32 bits.
__device__ __forceinline__ size_t at(int row, int stride, int channel) {
    return static_cast<size_t>(row) * stride + channel;
}

// max(0, v) that lets NaN through, so that a broken number is found and not hidden.
__device__ __forceinline__ float relu(float v) {
    return v <= 0.0f ? 0.0f : v;
}

template <int V>
__device__ __forceinline__ Channels<V> normalised(Channels<V> x, Channels<V> scale, Channels<V> shift) {
#pragma unroll
    for (int i = 0; i < V; i++) {
        x.v[i] = fmaf(x.v[i], scale.v[i], shift.v[i]);
    }
    return x;
}

// Adds both values over the block's rows of threads; threads with threadIdx.y = 0 have the result.
// Every thread of the block must call this.
template <int V>
__device__ void sum_over_rows(Channels<V>& a, Channels<V>& b) {
    __shared__ float sums[2 * V][THREADS];
    const int me = threadIdx.y * blockDim.x + threadIdx.x;
#pragma unroll
    for (int i = 0; i < V; i++) {
        sums[i][me] = a.v[i];
        sums[V + i][me] = b.v[i];
    }
    for (int half = blockDim.y / 2; half > 0; half /= 2) {
        __syncthreads();
        if (static_cast<int>(threadIdx.y) < half) {
#pragma unroll
            for (int i = 0; i < 2 * V; i++) {
                sums[i][me] += sums[i][me + half * blockDim.x];
            }
        }
    }
#pragma unroll
    for (int i = 0; i < V; i++) {
        a.v[i] = sums[i][me];
        b.v[i] = sums[V + i][me];
    }
}

// The place of this block's two sums in `tiles` [row tiles, 2, channels].
__device__ __forceinline__ float* tile_row(float* tiles, int which, int channels) {
    return tiles + (static_cast<size_t>(blockIdx.y) * 2 + which) * channels;
}

// An entry point for each access width; Java picks one by the alignment of the operands.
#define BOUNDED_TILED_ENTRIES(blocks, name, suffix, parameters, arguments)                       \
    extern "C" __global__ void __launch_bounds__(THREADS, blocks) name##suffix##_v1 parameters { \
        name<1> arguments;                                                                       \
    }                                                                                            \
    extern "C" __global__ void __launch_bounds__(THREADS, blocks) name##suffix##_v4 parameters { \
        name<4> arguments;                                                                       \
    }

#define TILED_ENTRIES(name, suffix, parameters, arguments) \
    BOUNDED_TILED_ENTRIES(BLOCKS, name, suffix, parameters, arguments)

#define TILED_KERNEL(name, parameters, arguments) TILED_ENTRIES(name, , parameters, arguments)

// What activations are stored in: `Stored` in a kernel's parameters. Where a kernel reads one type and writes another,
// it reads `Source`.
namespace of_floats {
using Source = float;
using Stored = float;
}  // namespace of_floats
namespace of_bfloat16 {
using Source = BFloat16;
using Stored = BFloat16;
}  // namespace of_bfloat16
namespace to_bfloat16 {
using Source = float;
using Stored = BFloat16;
}  // namespace to_bfloat16
namespace from_bfloat16 {
using Source = BFloat16;
using Stored = float;
}  // namespace from_bfloat16

// An entry point for each storage of activations and each access width.
#define TYPED_KERNEL(name, parameters, arguments)     \
    namespace of_floats {                             \
    TILED_ENTRIES(name, , parameters, arguments)      \
    }                                                 \
    namespace of_bfloat16 {                           \
    TILED_ENTRIES(name, _bf16, parameters, arguments) \
    }

// The same for kernels that look at a pixel's neighbours.
#define WINDOW_KERNEL(name, parameters, arguments)                           \
    namespace of_floats {                                                    \
    BOUNDED_TILED_ENTRIES(WINDOW_BLOCKS, name, , parameters, arguments)      \
    }                                                                        \
    namespace of_bfloat16 {                                                  \
    BOUNDED_TILED_ENTRIES(WINDOW_BLOCKS, name, _bf16, parameters, arguments) \
    }

// The same, and those that read one type and write the other.
#define WIDENING_KERNEL(name, parameters, arguments)       \
    TYPED_KERNEL(name, parameters, arguments)              \
    namespace from_bfloat16 {                              \
    TILED_ENTRIES(name, _from_bf16, parameters, arguments) \
    }

#define NARROWING_KERNEL(name, parameters, arguments)    \
    TYPED_KERNEL(name, parameters, arguments)            \
    namespace to_bfloat16 {                              \
    TILED_ENTRIES(name, _to_bf16, parameters, arguments) \
    }

#define MIXED_KERNEL(name, parameters, arguments)        \
    WIDENING_KERNEL(name, parameters, arguments)         \
    namespace to_bfloat16 {                              \
    TILED_ENTRIES(name, _to_bf16, parameters, arguments) \
    }

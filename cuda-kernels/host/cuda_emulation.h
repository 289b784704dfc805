// Enough of CUDA to run the kernels with a host C++ compiler, so that their arithmetic, indexing and barriers are
// tested on machines without a GPU.
//
// Blocks run one after the other. The threads of a block are fibres. A warp runs on alone until all of it waits for the
// block: the widest drift between warps that is allowed, so that a missing barrier shows as a wrong result. Blocks start
// their warps in three orders in turn. warp_instructions.h has what warps do with tensor cores and shared memory.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

using std::max;
using std::min;

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__
#define __shared__ static  // one block at a time, on one thread of the host

struct Index {
    unsigned x;
    unsigned y;
    unsigned z;
};

extern Index threadIdx;
extern Index blockIdx;
extern Index blockDim;
extern Index gridDim;

void __syncthreads();

struct float2 {
    float x, y;
};

struct alignas(16) float4 {
    float x, y, z, w;
};

struct alignas(8) uint2 {
    unsigned x, y;
};

struct alignas(16) uint4 {
    unsigned x, y, z, w;
};

// Orders what the lanes of a warp write and read.
void __syncwarp();

// What one lane shows to the others of its warp.
using EmulatedWords = std::uint64_t[4];

// Deposits up to four words, waits for the warp and returns what its 32 lanes deposited. That orders no memory.
EmulatedWords* emulated_exchange(const std::uint64_t* mine, int words);

extern int emulated_thread;  // of the block, that runs

inline int emulated_lane() {
    return static_cast<unsigned>(emulated_thread) % 32;
}

// Notes what a GPU would not do. The launch goes on and answers that it failed, with the first of these messages.
void emulated_fault(const char* message);

// Dynamic shared memory of the block that runs, NaN at its start.
extern unsigned char* emulated_shared;

// What a block may not have less of.
void emulated_require_shared(unsigned bytes);

constexpr std::uint64_t EMULATED_NO_ACCESS = ~std::uint64_t{0};

// The whole warp accesses `bytes` a lane at offsets in shared memory, or does not access; waits for the warp.
void emulated_bank_access(std::uint64_t offset, int bytes);

// The same with rows of 16 bytes, as ldmatrix takes them; returns the offsets of all lanes.
EmulatedWords* emulated_matrix_access(unsigned offset);

void emulated_shared_read(unsigned offset, int bytes);
void emulated_shared_write(unsigned offset, int bytes);

// cp.async of 16 bytes, of which the first `bytes` come from memory and the others are 0.
void emulated_copy_to_shared(unsigned offset, const void* from, int bytes);
void emulated_commit_copies();
void emulated_wait_for_copies(int groupsLeft);

// The operands of a warp's product on tensor cores, as its lanes deposit them: a[k][row] and b[k][column].
struct EmulatedTiles {
    float a[16][16];
    float b[16][8];
};

// Those of the next product.
EmulatedTiles& emulated_tiles();

// Waits for the warp: then all lanes have deposited their fragments. That orders no memory.
void emulated_await_tiles();

// A lane's part of d += a * b over K values of k, in their order.
template <int K>
void emulated_multiply(float (&d)[4], const EmulatedTiles& tiles) {
    const int g = emulated_lane() / 4;
    const int t = emulated_lane() % 4;
    float sums[4] = {d[0], d[1], d[2], d[3]};
    for (int k = 0; k < K; k++) {
        const float upper = tiles.a[k][g];
        const float lower = tiles.a[k][g + 8];
        const float left = tiles.b[k][2 * t];
        const float right = tiles.b[k][2 * t + 1];
        sums[0] += upper * left;
        sums[1] += upper * right;
        sums[2] += lower * left;
        sums[3] += lower * right;
    }
    std::copy(sums, sums + 4, d);
}

struct EmulatedCounts {
    long long conflicts;    // turns beyond the least possible in which a warp's access of shared memory is served
    long long accesses;     // the least possible ones
    long long products;     // of fragments on tensor cores
    long long copiedBytes;  // by asynchronous copies
};
extern EmulatedCounts emulated_counts;

template <class T>
T __shfl_xor_sync(unsigned, T value, int mask) {
    static_assert(sizeof(T) <= 8);
    std::uint64_t word = 0;
    std::memcpy(&word, &value, sizeof(T));
    EmulatedWords* all = emulated_exchange(&word, 1);
    T result;
    std::memcpy(&result, &all[emulated_lane() ^ mask][0], sizeof(T));
    return result;
}

// Without the last 13 of 23 bits behind the point, which a tensor core does not look at in TF32.
inline float emulated_truncated_to_tf32(float value, std::uint32_t add = 0) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    bits = (bits + add) & 0xFFFFE000u;
    std::memcpy(&value, &bits, sizeof bits);
    return value;
}

// To the nearest TF32 value, of two as near the one away from zero.
inline float emulated_round_to_tf32(float value) {
    return std::isfinite(value) ? emulated_truncated_to_tf32(value, 0x1000u) : value;
}

// The warp's d += a * b on a tensor core, see tensor_cores.cuh.
__attribute__((noinline)) inline void emulated_mma_m16n8k8(float (&d)[4], const float (&a)[4], const float (&b)[2]) {
    EmulatedTiles& tiles = emulated_tiles();
    const int g = emulated_lane() / 4;
    const int t = emulated_lane() % 4;
    for (int i = 0; i < 4; i++) {
        tiles.a[t + i / 2 * 4][g + i % 2 * 8] = emulated_truncated_to_tf32(a[i]);
    }
    for (int i = 0; i < 2; i++) {
        tiles.b[t + i * 4][g] = emulated_truncated_to_tf32(b[i]);
    }
    emulated_await_tiles();
    emulated_multiply<8>(d, tiles);
}

inline float __uint_as_float(unsigned bits) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

inline unsigned __float_as_uint(float value) {
    unsigned bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

inline unsigned __umulhi(unsigned a, unsigned b) {
    return static_cast<unsigned>((static_cast<std::uint64_t>(a) * b) >> 32);
}

// Enough of CUDA to run the kernels with a host C++ compiler, so that their arithmetic, indexing and barriers are
// tested on machines without a GPU.
//
// Blocks run one after the other. The threads of a block are fibres: each runs until it meets a barrier
// (__syncthreads, or a warp's in a shuffle) and goes on when all threads concerned have met it. Odd blocks start
// their threads in reverse order, so that a missing barrier shows as a wrong result.
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

// Stops the calling fibre until all live threads of its warp are here.
void emulated_warp_barrier();

// Where the 32 threads of the calling thread's warp exchange values.
std::uint64_t* emulated_warp_slots();

int emulated_lane();

template <class T>
T __shfl_xor_sync(unsigned, T value, int mask) {
    static_assert(sizeof(T) <= 8);
    std::uint64_t* slots = emulated_warp_slots();
    std::memcpy(&slots[emulated_lane()], &value, sizeof(T));
    emulated_warp_barrier();
    T result;
    std::memcpy(&result, &slots[emulated_lane() ^ mask], sizeof(T));
    emulated_warp_barrier();
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
void emulated_mma_m16n8k8(float (&d)[4], const float (&a)[4], const float (&b)[2]);

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

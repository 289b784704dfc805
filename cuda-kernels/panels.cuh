// What the kernels of a dense layer (dense_layer.cu) need of shared memory and tensor cores: Ampere and newer.
//
// Panel      Rows of 128 bytes in shared memory (64 bf16 or 32 float). The chunk of 16 bytes `c` of row r lies at
//            c ^ twist(r), so that the eight rows that ldmatrix reads together, and the lanes of a fragment, meet
//            different banks. A step of a product along the summed dimension is 32 bytes of a row in both types (16 bf16
//            or 8 TF32), so the same offsets serve both. A row wider than 128 bytes continues in the next panel.
// Addresses  byte offsets from the start of the block's dynamic shared memory
// Fragments  of mma.m16n8k16 in bf16 and mma.m16n8k8 in TF32 (PTX ISA, "Matrix fragments"). Of lane l, with g = l / 4 and
//            t = l % 4: d is (row g, columns 2t and 2t + 1), (row g + 8, the same)
#pragma once
#include "tensor_cores.cuh"

#ifdef DENSENET4J_EMULATION
#include "host/warp_instructions.h"

#define DYNAMIC_SHARED(bytes)                      \
    unsigned char* const shared = emulated_shared; \
    emulated_require_shared(bytes)

// Two values as bf16, the first in the lower half.
inline unsigned pack_bf16(float low, float high) {
    return rounded(low).bits | static_cast<unsigned>(rounded(high).bits) << 16;
}

inline void mma(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], BFloat16) {
    emulated_mma_bf16(d, a, b);
}

struct Keeping {
    explicit Keeping(bool) {}
};

inline void cp_async16(unsigned char* shared, unsigned offset, const void* from, int bytes, Keeping) {
    cp_async16(shared, offset, from, bytes);
}

template <class V>
inline void stg(void* to, V value, Keeping) {
    stg(to, value);
}
#else
#define DYNAMIC_SHARED(bytes) extern __shared__ __align__(1024) unsigned char shared[]

// Two values as bf16, the first in the lower half.
__device__ __forceinline__ unsigned pack_bf16(float low, float high) {
    unsigned packed;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
    return packed;
}

__device__ __forceinline__ unsigned shared_address(unsigned char* shared, unsigned offset) {
    return static_cast<unsigned>(__cvta_generic_to_shared(shared)) + offset;
}

template <class V>
__device__ __forceinline__ V lds(unsigned char* shared, unsigned offset, bool on = true) {
    V value{};
    if (on) {
        value = *reinterpret_cast<const V*>(shared + offset);
    }
    return value;
}

template <class V>
__device__ __forceinline__ void sts(unsigned char* shared, unsigned offset, V value, bool on = true) {
    if (on) {
        *reinterpret_cast<V*>(shared + offset) = value;
    }
}

template <class V>
__device__ __forceinline__ V lane_lds(unsigned char* shared, unsigned offset) {
    return *reinterpret_cast<const V*>(shared + offset);
}

template <class V>
__device__ __forceinline__ void lane_sts(unsigned char* shared, unsigned offset, V value) {
    *reinterpret_cast<V*>(shared + offset) = value;
}

__device__ __forceinline__ void ldmatrix_x4(unsigned (&r)[4], unsigned char* shared, unsigned offset) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(shared, offset))
                 : "memory");
}

__device__ __forceinline__ void ldmatrix_x4_trans(unsigned (&r)[4], unsigned char* shared, unsigned offset) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(shared, offset))
                 : "memory");
}

// Brings 16 bytes, of which the first `bytes` come from memory and the others are 0, past the first-level cache.
__device__ __forceinline__ void cp_async16(unsigned char* shared, unsigned offset, const void* from, int bytes) {
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(shared_address(shared, offset)), "l"(from),
                 "r"(bytes)
                 : "memory");
}

// How long the level-2 cache keeps an operand: as long as others, or, where it is read once and would fill the cache by
// itself, only until something else needs the place. So what the next kernel reads of smaller operands stays (PTX ISA,
// "createpolicy"; 7.4, Ampere and newer).
struct Keeping {
    unsigned long long policy;

    // Volatile, so that it is made where a kernel says so.
    __device__ __forceinline__ explicit Keeping(bool givesWay) {
        if (givesWay) {
            asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
        } else {
            asm volatile("createpolicy.fractional.L2::evict_normal.b64 %0, 1.0;" : "=l"(policy));
        }
    }
};

__device__ __forceinline__ void cp_async16(unsigned char* shared, unsigned offset, const void* from, int bytes,
                                           Keeping keeping) {
    asm volatile("cp.async.cg.shared.global.L2::cache_hint.L2::128B [%0], [%1], 16, %2, %3;" ::"r"(
                     shared_address(shared, offset)),
                 "l"(from), "r"(bytes), "l"(keeping.policy)
                 : "memory");
}

__device__ __forceinline__ void cp_commit() {
    asm volatile("cp.async.commit_group;" ::: "memory");
}

// Waits until all but the last N committed groups of this thread have arrived.
template <int N>
__device__ __forceinline__ void cp_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

template <class V>
__device__ __forceinline__ void stg(void* to, V value) {
    *static_cast<V*>(to) = value;
}

__device__ __forceinline__ void stg(void* to, uint4 value, Keeping keeping) {
    asm volatile("st.global.L2::cache_hint.v4.b32 [%0], {%1, %2, %3, %4}, %5;" ::"l"(to), "r"(value.x), "r"(value.y),
                 "r"(value.z), "r"(value.w), "l"(keeping.policy)
                 : "memory");
}

__device__ __forceinline__ void stg(void* to, unsigned value, Keeping keeping) {
    asm volatile("st.global.L2::cache_hint.b32 [%0], %1, %2;" ::"l"(to), "r"(value), "l"(keeping.policy) : "memory");
}

__device__ __forceinline__ void mma(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], BFloat16) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#endif

__device__ __forceinline__ unsigned tf32_bits(float value) {
    return __float_as_uint(round_to_tf32(value));
}

__device__ __forceinline__ void mma(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], float) {
    const float x[4] = {__uint_as_float(a[0]), __uint_as_float(a[1]), __uint_as_float(a[2]), __uint_as_float(a[3])};
    const float y[2] = {__uint_as_float(b[0]), __uint_as_float(b[1])};
    mma_m16n8k8(d, x, y);
}

// The most threads of a kernel's block, for the emulated machine, which does not see __launch_bounds__.
#ifdef DENSENET4J_EMULATION
#define BOUNDED(kernel, threads) constexpr int kernel##_threads = threads;
#else
#define BOUNDED(kernel, threads)
#endif

constexpr int PANEL_ROW_BYTES = 128;
constexpr int CHUNK_BYTES = 16;

// Panels that rows of so many elements take.
template <class T>
__device__ constexpr int panels(int elements) {
    return (elements * static_cast<int>(sizeof(T)) + PANEL_ROW_BYTES - 1) / PANEL_ROW_BYTES;
}

// Elements of a chunk, and of a step of a product along the summed dimension.
template <class T>
constexpr int CHUNK = CHUNK_BYTES / static_cast<int>(sizeof(T));
template <class T>
constexpr int STEP = 2 * CHUNK<T>;

// bf16: free of conflicts for ldmatrix along rows, with and without .trans, and for 4-byte access at fragment positions.
// TF32: for ldmatrix, and for 4-byte reads of four rows by eight columns, which transposed fragments are.
template <class T>
__device__ __forceinline__ unsigned twist(unsigned row) {
    if constexpr (sizeof(T) == 2) {
        return row & 7;
    } else {
        return (row & 3) << 1 | (row >> 2 & 1);
    }
}

// Where a chunk of a row lies in its panel.
template <class T>
__device__ __forceinline__ unsigned in_panel(unsigned row, unsigned chunk) {
    return row * PANEL_ROW_BYTES + ((chunk ^ twist<T>(row)) * CHUNK_BYTES);
}

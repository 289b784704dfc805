// Products of small matrices by one warp on tensor cores, with operands rounded to TF32 (Ampere and newer).
//
// mma_m16n8k8  d[16, 8] += a[16, 8] * b[8, 8]. Of lane l, with g = l / 4 and t = l % 4 (PTX ISA, "Matrix fragments
//              for mma.m16n8k8", .tf32):
//                a: (row g, column t), (g + 8, t), (g, t + 4), (g + 8, t + 4)
//                b: (row t, column g), (t + 4, g)
//                d: (row g, column 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1)
#pragma once
#include "common.cuh"

// Kernels that use tensor cores exist in programs for these devices only.
#if defined(DENSENET4J_EMULATION) || !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
#define TENSOR_CORES_HAVE_TF32
#endif

#ifdef TENSOR_CORES_HAVE_TF32
// The nearest value with ten bits behind the point; of two as near the one away from zero.
__device__ __forceinline__ float round_to_tf32(float value) {
#ifdef DENSENET4J_EMULATION
    return emulated_round_to_tf32(value);
#else
    unsigned rounded;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(value));
    return __uint_as_float(rounded);
#endif
}

__device__ __forceinline__ void mma_m16n8k8(float (&d)[4], const float (&a)[4], const float (&b)[2]) {
#ifdef DENSENET4J_EMULATION
    emulated_mma_m16n8k8(d, a, b);
#else
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(__float_as_uint(a[0])), "r"(__float_as_uint(a[1])), "r"(__float_as_uint(a[2])),
          "r"(__float_as_uint(a[3])), "r"(__float_as_uint(b[0])), "r"(__float_as_uint(b[1])));
#endif
}
#endif

// How activations are stored: as floats, or in bf16, the upper half of a float. Values are widened to float when they
// are read and rounded when they are written; nothing is computed in bf16.
#pragma once

struct BFloat16 {
    unsigned short bits;
};

__device__ __forceinline__ float widened(BFloat16 value) {
    return __uint_as_float(static_cast<unsigned>(value.bits) << 16);
}

// The nearest value, of two as near the even one; a NaN stays one (BFloat16.java).
__device__ __forceinline__ BFloat16 rounded(float value) {
    BFloat16 result;
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
#else
    const unsigned bits = __float_as_uint(value);
    // Half of the last place could carry a NaN's payload over into infinity: it gets the quiet bit instead.
    const unsigned nearest = value != value ? bits | 0x400000u : bits + 0x7FFFu + (bits >> 16 & 1);
    result.bits = static_cast<unsigned short>(nearest >> 16);
#endif
    return result;
}

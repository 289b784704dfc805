// The weights of a dense layer in the layouts that its kernels read, and the 3x3 weight gradient back from theirs.
//
// pack_pointwise_weights   [N, K] in the activations' type to [NT, stride]; zeros elsewhere
// pack_appended_weights    [k, channels, 3, 3] in float to [9, NEW, stride] in the activations' type; zeros elsewhere
// add_appended_parts       sums of blocks [parts, 9, channels, k], in order, added to [k, channels, 3, 3], all in float
//
// Geometry  one thread an element of what is packed (small_operations.cu)
#pragma once
#include "common.cuh"

// A value as an operand of a product, in the type it is stored in. To TF32 as cvt.rna rounds it: to the nearest value
// with ten bits behind the point, of two as near the one away from zero.
__device__ __forceinline__ void store_operand(float* to, float value) {
    const unsigned bits = __float_as_uint(value);
    const bool finite = (bits & 0x7F800000u) != 0x7F800000u;
    *to = __uint_as_float(finite ? (bits + 0x1000u) & 0xFFFFE000u : bits);
}

__device__ __forceinline__ void store_operand(BFloat16* to, float value) {
    *to = rounded(value);
}

template <class T>
__device__ __forceinline__ void pack_pointwise_weights(int i, const T* weights, int weightsStride, int outputs,
                                                       int inputs, T* packed, int packedRows, int packedStride) {
    const int n = i / packedStride;
    const int c = i % packedStride;
    if (n < packedRows) {
        const bool inside = n < outputs && c < inputs;
        store_operand(packed + i, inside ? load_one(weights + at(n, weightsStride, c)) : 0.0f);
    }
}

template <class T>
__device__ __forceinline__ void pack_appended_weights(int i, const float* weights, int k, int channels, T* packed,
                                                      int packedRows, int packedStride) {
    const int tap = i / (packedRows * packedStride);
    const int n = i / packedStride % packedRows;
    const int c = i % packedStride;
    if (tap < 9) {
        const bool inside = n < k && c < channels;
        store_operand(packed + i, inside ? weights[(n * channels + c) * 9 + tap] : 0.0f);
    }
}

__device__ __forceinline__ void add_appended_parts(int i, const float* sums, int parts, int k, int channels,
                                                   float* gradient) {
    const int size = 9 * channels * k;
    if (i < size) {
        const int n = i % k;
        const int c = i / k % channels;
        const int tap = i / k / channels;
        gradient[(n * channels + c) * 9 + tap] += sum_over_parts(sums + i, parts, size);
    }
}

// The weights of a dense layer in the layouts that its kernels read, and the 3x3 weight gradient back from theirs.
//
// pack_pointwise_weights   [N, K] in the activations' type to [NT, stride]; zeros elsewhere
// pack_appended_weights    [k, channels, 3, 3] in float to [9, NEW, stride] in the activations' type; zeros elsewhere
// add_appended_gradient    [9, channels, k] added to [k, channels, 3, 3], both in float
//
// Geometry  one thread an element, blocks of 256
#pragma once
#include "fragments.cuh"

// A value as an operand of a product, in the type it is stored in.
__device__ __forceinline__ void store_operand(float* to, float value) {
    *to = __uint_as_float(tf32_bits(value));
}

__device__ __forceinline__ void store_operand(BFloat16* to, float value) {
    *to = rounded(value);
}

template <class T>
__device__ __forceinline__ void pack_pointwise_weights(const T* __restrict__ weights, int weightsStride, int outputs,
                                                       int inputs, T* __restrict__ packed, int packedRows,
                                                       int packedStride) {
    const int i = blockIdx.x * THREADS + threadIdx.x;
    const int n = i / packedStride;
    const int c = i % packedStride;
    if (n < packedRows) {
        const bool inside = n < outputs && c < inputs;
        store_operand(packed + i, inside ? load_one(weights + at(n, weightsStride, c)) : 0.0f);
    }
}

template <class T>
__device__ __forceinline__ void pack_appended_weights(const float* __restrict__ weights, int k, int channels,
                                                      T* __restrict__ packed, int packedRows, int packedStride) {
    const int i = blockIdx.x * THREADS + threadIdx.x;
    const int tap = i / (packedRows * packedStride);
    const int n = i / packedStride % packedRows;
    const int c = i % packedStride;
    if (tap < 9) {
        const bool inside = n < k && c < channels;
        store_operand(packed + i, inside ? weights[(n * channels + c) * 9 + tap] : 0.0f);
    }
}

#define DENSE_LAYER_WEIGHTS(suffix, T)                                                                                  \
    extern "C" __global__ void __launch_bounds__(THREADS)                                                               \
        pack_pointwise_weights##suffix(const T* __restrict__ weights, int weightsStride, int outputs, int inputs,       \
                                       T* __restrict__ packed, int packedRows, int packedStride) {                      \
        pack_pointwise_weights<T>(weights, weightsStride, outputs, inputs, packed, packedRows, packedStride);           \
    }                                                                                                                   \
    extern "C" __global__ void __launch_bounds__(THREADS)                                                               \
        pack_appended_weights##suffix(const float* __restrict__ weights, int k, int channels, T* __restrict__ packed,   \
                                      int packedRows, int packedStride) {                                               \
        pack_appended_weights<T>(weights, k, channels, packed, packedRows, packedStride);                               \
    }                                                                                                                   \
    extern "C" __global__ void __launch_bounds__(THREADS)                                                               \
        add_appended_gradient##suffix(const float* __restrict__ packed, int k, int channels,                            \
                                      float* __restrict__ gradient) {                                                   \
        const int i = blockIdx.x * THREADS + threadIdx.x;                                                               \
        if (i < 9 * k * channels) {                                                                                     \
            const int tap = i % 9;                                                                                      \
            const int c = i / 9 % channels;                                                                             \
            const int n = i / (9 * channels);                                                                           \
            gradient[i] += packed[(tap * channels + c) * k + n];                                                        \
        }                                                                                                               \
    }

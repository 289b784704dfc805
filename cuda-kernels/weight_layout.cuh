// Between the layout in which weights are kept, PyTorch's [out, in, kh, kw], and the one that channels-last
// convolutions read, [out, kh, kw, in], as floats or in bf16. A few thousand values, once a pass.
//
// Shapes    weights, gradient [out, in, taps]; packed [out, taps, in]; taps = kh * kw
// Bytes     4 * out * in * taps read, as many written; add_unpacked_gradient reads the gradient too
// Geometry  one thread a value (small_operations.cu)
#pragma once
#include "common.cuh"

template <class T>
__device__ __forceinline__ void pack_weights(int i, const float* weights, int out, int in, int taps, T* packed) {
    if (i < out * in * taps) {
        const int c = i % in;
        const int tap = i / in % taps;
        const int o = i / in / taps;
        store_one(packed + i, weights[(o * in + c) * taps + tap]);
    }
}

__device__ __forceinline__ void add_unpacked_gradient(int i, const float* packed, int out, int in, int taps,
                                                      float* gradient) {
    if (i < out * in * taps) {
        const int tap = i % taps;
        const int c = i / taps % in;
        const int o = i / taps / in;
        gradient[i] += packed[(o * taps + tap) * in + c];
    }
}

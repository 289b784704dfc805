// Between the layout in which weights are kept, PyTorch's [out, in, kh, kw], and the one that channels-last
// convolutions read, [out, kh, kw, in], as floats or in bf16. A few thousand values, once a pass.
//
// Shapes    weights, gradient [out, in, taps]; packed [out, taps, in]; taps = kh * kw
// Bytes     4 * out * in * taps read, as many written; add_unpacked_gradient reads the gradient too
// Geometry  one thread a value, blocks of 256
#include "common.cuh"

template <class T>
__device__ void packed_weights(const float* weights, int out, int in, int taps, T* packed) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= out * in * taps) {
        return;
    }
    const int c = i % in;
    const int tap = i / in % taps;
    const int o = i / in / taps;
    store_one(packed + i, weights[(o * in + c) * taps + tap]);
}

extern "C" __global__ void pack_weights(const float* weights, int out, int in, int taps, float* packed) {
    packed_weights(weights, out, in, taps, packed);
}

extern "C" __global__ void pack_weights_bf16(const float* weights, int out, int in, int taps, BFloat16* packed) {
    packed_weights(weights, out, in, taps, packed);
}

extern "C" __global__ void add_unpacked_gradient(const float* packed, int out, int in, int taps, float* gradient) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= out * in * taps) {
        return;
    }
    const int tap = i % taps;
    const int c = i / taps % in;
    const int o = i / taps / in;
    gradient[i] += packed[(o * taps + tap) * in + c];
}

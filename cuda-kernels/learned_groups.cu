// What only 1x1 convolutions with learned groups need (Huang et al. 2018, arXiv 1711.09224, section 3.1).
//
// multiply      values *= factors: weights and their gradients with the mask
// group_lasso   gradient += strength * w / |w|, where w are the weights of one input in one group; output o is of group
//               o mod groups, and a norm whose square is at most 1e-6 has no gradient
//
// Shapes    values, factors [n]; weights, gradient [outputs, inputs]
// Bytes     multiply: 8 * n read, 4 * n written; group_lasso: 12 * outputs * inputs read, 4 written
// Geometry  multiply: one dimension, a thread owns V consecutive values, blocks of 256; group_lasso: a thread owns an input
//           of a group, blockIdx.y is the group
#include "common.cuh"

template <int V>
__device__ void multiply(float* values, const float* factors, int n) {
    const int i = (blockIdx.x * blockDim.x + threadIdx.x) * V;
    if (i >= n) {
        return;
    }
    Channels<V> value = load<V>(values + i);
    const Channels<V> factor = load<V>(factors + i);
#pragma unroll
    for (int j = 0; j < V; j++) {
        value.v[j] *= factor.v[j];
    }
    store(values + i, value);
}

TILED_KERNEL(multiply, (float* values, const float* factors, int n), (values, factors, n))

extern "C" __global__ void group_lasso(const float* weights, int weightsStride, float* gradient, int gradientStride,
                                       int outputs, int inputs, float strength) {
    const int input = blockIdx.x * blockDim.x + threadIdx.x;
    if (input >= inputs) {
        return;
    }
    const int groups = gridDim.y;
    float squares = 0.0f;
    for (int o = blockIdx.y; o < outputs; o += groups) {
        const float w = weights[at(o, weightsStride, input)];
        squares = fmaf(w, w, squares);
    }
    if (squares <= 1e-6f) {
        return;
    }
    const float factor = strength / sqrtf(squares);
    for (int o = blockIdx.y; o < outputs; o += groups) {
        float* g = gradient + at(o, gradientStride, input);
        *g = fmaf(factor, weights[at(o, weightsStride, input)], *g);
    }
}

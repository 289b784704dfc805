// Exponential moving average of all parameters in one launch: average += share * (values - average).
//
// Shapes    values, average [n]
// Bytes     8 * n read, 4 * n written
// Geometry  one dimension: a thread owns V consecutive values, blocks of 256
#include "common.cuh"

template <int V>
__device__ void moving_average(const float* values, float* average, int n, float share) {
    const int i = (blockIdx.x * blockDim.x + threadIdx.x) * V;
    if (i >= n) {
        return;
    }
    const Channels<V> value = load<V>(values + i);
    Channels<V> mean = load<V>(average + i);
#pragma unroll
    for (int j = 0; j < V; j++) {
        mean.v[j] = fmaf(share, value.v[j] - mean.v[j], mean.v[j]);
    }
    store(average + i, mean);
}

TILED_KERNEL(moving_average, (const float* values, float* average, int n, float share), (values, average, n, share))

// Adam (Kingma and Ba 2015), AdamW (Loshchilov and Hutter 2019) and AMSGrad (Reddi et al. 2018) over a range of the
// parameters in one launch, as PyTorch defines them (torch.optim.Adam, AdamW):
//
//   g = scale * gradient + decay * p;  mean = beta1 * mean + share1 * g;  square = beta2 * square + share2 * g * g;
//   largest = max(largest, square), or square itself where there is none;
//   p = keep * p - rate * mean / (rootScale * sqrt(largest) + epsilon)
//
// where the corrections of the bias are in the rate and in rootScale, and decoupled weight decay is in keep.
//
// Shapes    parameters, gradients, means, squares [n], largest [n] or null
// Bytes     16 * n read, 12 * n written; AMSGrad 20 and 16
// Geometry  one dimension: a thread owns V consecutive values, blocks of 256
#include "common.cuh"

template <int V>
__device__ void adam(float* parameters, const float* gradients, float* means, float* squares, float* largest, int n,
                     float rate, float beta1, float share1, float beta2, float share2, float rootScale, float epsilon,
                     float decay, float keep, float scale) {
    const int i = (blockIdx.x * blockDim.x + threadIdx.x) * V;
    if (i >= n) {
        return;
    }
    Channels<V> p = load<V>(parameters + i);
    const Channels<V> gradient = load<V>(gradients + i);
    Channels<V> mean = load<V>(means + i);
    Channels<V> square = load<V>(squares + i);
#pragma unroll
    for (int j = 0; j < V; j++) {
        const float g = fmaf(decay, p.v[j], scale * gradient.v[j]);
        mean.v[j] = fmaf(share1, g, beta1 * mean.v[j]);
        square.v[j] = fmaf(share2 * g, g, beta2 * square.v[j]);
    }
    store(means + i, mean);
    store(squares + i, square);
    if (largest != nullptr) {
        const Channels<V> before = load<V>(largest + i);
#pragma unroll
        for (int j = 0; j < V; j++) {
            square.v[j] = fmaxf(before.v[j], square.v[j]);
        }
        store(largest + i, square);
    }
#pragma unroll
    for (int j = 0; j < V; j++) {
        p.v[j] = fmaf(-rate, mean.v[j] / fmaf(sqrtf(square.v[j]), rootScale, epsilon), keep * p.v[j]);
    }
    store(parameters + i, p);
}

TILED_KERNEL(adam,
             (float* parameters, const float* gradients, float* means, float* squares, float* largest, int n,
              float rate, float beta1, float share1, float beta2, float share2, float rootScale, float epsilon,
              float decay, float keep, float scale),
             (parameters, gradients, means, squares, largest, n, rate, beta1, share1, beta2, share2, rootScale,
              epsilon, decay, keep, scale))

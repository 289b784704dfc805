// Stochastic gradient descent with Nesterov momentum over a range of the parameters in one launch, as PyTorch
// defines it (torch.optim.SGD):
//
//   g = scale * gradient + decay * p;  v = momentum * v + share * g (velocities start at zero);
//   p -= rate * (nesterov ? g + momentum * v : v)
//
// Shapes    parameters, gradients, velocity [n]: one contiguous range of the arena holds every weight, another
//           every gamma, beta and bias, so a step is two launches however many tensors there are, unless groups of
//           them are treated differently
// Bytes     12 * n read, 8 * n written
// Geometry  one dimension: a thread owns V consecutive values, blocks of 256
#include "common.cuh"

template <int V>
__device__ void sgd_nesterov(float* parameters, const float* gradients, float* velocity, int n, float rate,
                             float momentum, float share, int nesterov, float decay, float scale) {
    const int i = (blockIdx.x * blockDim.x + threadIdx.x) * V;
    if (i >= n) {
        return;
    }
    Channels<V> p = load<V>(parameters + i);
    const Channels<V> gradient = load<V>(gradients + i);
    Channels<V> v = load<V>(velocity + i);
#pragma unroll
    for (int j = 0; j < V; j++) {
        const float g = fmaf(decay, p.v[j], scale * gradient.v[j]);
        v.v[j] = fmaf(momentum, v.v[j], share * g);
        const float direction = nesterov ? fmaf(momentum, v.v[j], g) : v.v[j];
        p.v[j] = fmaf(-rate, direction, p.v[j]);
    }
    store(velocity + i, v);
    store(parameters + i, p);
}

TILED_KERNEL(sgd_nesterov,
             (float* parameters, const float* gradients, float* velocity, int n, float rate, float momentum,
              float share, int nesterov, float decay, float scale),
             (parameters, gradients, velocity, n, rate, momentum, share, nesterov, decay, scale))

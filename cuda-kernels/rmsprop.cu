// RMSprop over a range of the parameters in one launch (Tieleman and Hinton 2012, lecture 6.5), as PyTorch defines
// its options (torch.optim.RMSprop):
//
//   g = scale * gradient + decay * p;  squares = rho * squares + (1 - rho) * g * g (zero at the start);
//   means = rho * means + (1 - rho) * g, where it is centred: their squares are taken from the mean squares;
//   root = sqrt(squares + inside) + outside;
//   p -= rate * g / root, or, with momentum, velocity = momentum * velocity + g / root;  p -= rate * velocity
//
// where one of both epsilons is zero: PyTorch's is outside, Theano's libraries have it inside.
//
// Shapes    parameters, gradients, squares [n]; means, velocity [n] or null
// Bytes     12 * n read, 8 * n written; 4 more of each for means and for velocity
// Geometry  one dimension: a thread owns V consecutive values, blocks of 256
#include "common.cuh"

template <int V>
__device__ void rmsprop(float* parameters, const float* gradients, float* squares, float* means, float* velocity,
                        int n, float rate, float rho, float inside, float outside, float momentum, float decay,
                        float scale) {
    const int i = (blockIdx.x * blockDim.x + threadIdx.x) * V;
    if (i >= n) {
        return;
    }
    Channels<V> p = load<V>(parameters + i);
    Channels<V> g = load<V>(gradients + i);
    Channels<V> square = load<V>(squares + i);
#pragma unroll
    for (int j = 0; j < V; j++) {
        g.v[j] = fmaf(decay, p.v[j], scale * g.v[j]);
        square.v[j] = fmaf(rho, square.v[j], (1.0f - rho) * g.v[j] * g.v[j]);
    }
    store(squares + i, square);
    if (means != nullptr) {
        Channels<V> mean = load<V>(means + i);
#pragma unroll
        for (int j = 0; j < V; j++) {
            mean.v[j] = fmaf(rho, mean.v[j], (1.0f - rho) * g.v[j]);
            square.v[j] = fmaxf(0.0f, square.v[j] - mean.v[j] * mean.v[j]);
        }
        store(means + i, mean);
    }
    if (velocity != nullptr) {
        Channels<V> v = load<V>(velocity + i);
#pragma unroll
        for (int j = 0; j < V; j++) {
            v.v[j] = fmaf(momentum, v.v[j], g.v[j] / (sqrtf(square.v[j] + inside) + outside));
            p.v[j] -= rate * v.v[j];
        }
        store(velocity + i, v);
    } else {
#pragma unroll
        for (int j = 0; j < V; j++) {
            p.v[j] -= rate * g.v[j] / (sqrtf(square.v[j] + inside) + outside);
        }
    }
    store(parameters + i, p);
}

TILED_KERNEL(rmsprop,
             (float* parameters, const float* gradients, float* squares, float* means, float* velocity, int n,
              float rate, float rho, float inside, float outside, float momentum, float decay, float scale),
             (parameters, gradients, squares, means, velocity, n, rate, rho, inside, outside, momentum, decay, scale))

// RMSprop over all parameters of a kind in one launch (Tieleman and Hinton 2012, lecture 6.5), without momentum:
//
//   g = scale * gradient + decay * p;  squares = rho * squares + (1 - rho) * g * g (zero at the start);
//   p -= rate * g / (sqrt(squares + inside) + outside)
//
// where one of both epsilons is zero: PyTorch's is outside, Theano's libraries have it inside.
//
// Shapes    parameters, gradients, squares [n]
// Bytes     12 * n read, 8 * n written
// Geometry  one dimension: a thread owns V consecutive values, blocks of 256
#include "common.cuh"

template <int V>
__device__ void rmsprop(float* parameters, const float* gradients, float* squares, int n, float rate, float rho,
                        float inside, float outside, float decay, float scale) {
    const int i = (blockIdx.x * blockDim.x + threadIdx.x) * V;
    if (i >= n) {
        return;
    }
    Channels<V> p = load<V>(parameters + i);
    const Channels<V> gradient = load<V>(gradients + i);
    Channels<V> square = load<V>(squares + i);
#pragma unroll
    for (int j = 0; j < V; j++) {
        const float g = fmaf(decay, p.v[j], scale * gradient.v[j]);
        square.v[j] = fmaf(rho, square.v[j], (1.0f - rho) * g * g);
        p.v[j] -= rate * g / (sqrtf(square.v[j] + inside) + outside);
    }
    store(squares + i, square);
    store(parameters + i, p);
}

TILED_KERNEL(rmsprop,
             (float* parameters, const float* gradients, float* squares, int n, float rate, float rho, float inside,
              float outside, float decay, float scale),
             (parameters, gradients, squares, n, rate, rho, inside, outside, decay, scale))

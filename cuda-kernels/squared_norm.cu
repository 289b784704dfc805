// Sum of squares of a matrix in double precision: the norm of all gradients, and the search for NaN.
//
// Shapes    x [rows, columns] with stride; tiles [blocks] of double; target [1]
// Bytes     4 * rows * columns read; 8 * tiles written and read again
// Geometry  squared_norm_tiles: one dimension, blocks of 256, each strides over the matrix;
//           squared_norm: one block adds the tiles in order
#include "common.cuh"

// Adds over a block of 256 threads; thread 0 has the sum.
__device__ double sum_of_block(double value) {
    __shared__ double sums[THREADS];
    sums[threadIdx.x] = value;
    for (int half = THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (static_cast<int>(threadIdx.x) < half) {
            sums[threadIdx.x] += sums[threadIdx.x + half];
        }
    }
    return sums[0];
}

extern "C" __global__ void __launch_bounds__(THREADS)
    squared_norm_tiles(const float* x, int stride, int rows, int columns, double* tiles) {
    const long long count = static_cast<long long>(rows) * columns;
    const long long step = static_cast<long long>(gridDim.x) * THREADS;
    double sum = 0.0;
    for (long long i = static_cast<long long>(blockIdx.x) * THREADS + threadIdx.x; i < count; i += step) {
        const double v = x[rows == 1 ? i : i / columns * stride + i % columns];
        sum += v * v;
    }
    sum = sum_of_block(sum);
    if (threadIdx.x == 0) {
        tiles[blockIdx.x] = sum;
    }
}

extern "C" __global__ void __launch_bounds__(THREADS) squared_norm(const double* tiles, int count, float* target) {
    double sum = 0.0;
    for (int t = threadIdx.x; t < count; t += THREADS) {
        sum += tiles[t];
    }
    sum = sum_of_block(sum);
    if (threadIdx.x == 0) {
        *target = static_cast<float>(sum);
    }
}

// Softmax cross-entropy of vectors of targets, focused on what is hard (Lin et al. 2017, equation 4), its gradient, and
// whether the row was a hit.
//
//   loss     = sum_c w[c] * (1 - p[c])^f * -log(p[c]),   w[c] = scale[c] * ((1 - s) * t[c] + s / classes)
//   gradient = w[c] * g[c] - p[c] * sum(w * g),          g = f * (1 - p)^(f - 1) * p * log(p) - (1 - p)^f
//
// with p = softmax(z), label smoothing s and focus f, 0 for cross-entropy. A hit is a row whose first largest logit is
// the first largest target's.
//
// Shapes    logits, targets, gradient [rows, classes] with strides; scale [classes]; losses, hits [rows]
// Bytes     8 * rows * classes read (logits four times, targets three times, all but once from L1), 4 * rows * classes
//           written; 4 * classes read for each row, from L1; 8 of losses and hits written for each row
// Geometry  one warp a row, 8 rows a block of 32 x 8 threads
#include "common.cuh"
#include "warp_sum.cuh"

// The first of the largest values of a row that a warp shares.
__device__ __forceinline__ int first_largest(const float* values, int count, float* largest) {
    float best = -3.402823466e+38f;
    int index = 0x7FFFFFFF;
    for (int c = threadIdx.x; c < count; c += 32) {
        if (values[c] > best) {
            best = values[c];
            index = c;
        }
    }
    for (int offset = 16; offset > 0; offset /= 2) {
        const float other = __shfl_xor_sync(0xFFFFFFFFu, best, offset);
        const int otherIndex = __shfl_xor_sync(0xFFFFFFFFu, index, offset);
        if (other > best || (other == best && otherIndex < index)) {
            best = other;
            index = otherIndex;
        }
    }
    *largest = best;
    return index;
}

__device__ __forceinline__ float power(float base, float exponent) {
    return exponent == 0.0f ? 1.0f : powf(base, exponent);
}

// base^(exponent - 1); of a base of 0 it is infinite, and 0 is the limit of its products with what goes to 0 as fast.
__device__ __forceinline__ float power_below(float base, float exponent) {
    return base == 0.0f ? 0.0f : power(base, exponent - 1.0f);
}

__device__ __forceinline__ float focal_slope(float logProbability, float focus) {
    const float rest = -expm1f(logProbability);
    return focus * power_below(rest, focus) * expf(logProbability) * logProbability - power(rest, focus);
}

extern "C" __global__ void __launch_bounds__(THREADS)
    softmax_vector_loss(const float* __restrict__ logits, int logitsStride, const float* __restrict__ targets,
                        int targetsStride, const float* __restrict__ scale, float smoothing, float focus,
                        float* __restrict__ losses, float* __restrict__ hits, float* __restrict__ gradient,
                        int gradientStride, int rows, int classes) {
    const int row = blockIdx.x * 8 + threadIdx.y;
    if (row >= rows) {
        return;  // a whole warp leaves together
    }
    const float* z = logits + at(row, logitsStride, 0);
    const float* t = targets + at(row, targetsStride, 0);
    float largest;
    float largestTarget;
    const int predicted = first_largest(z, classes, &largest);
    const int wanted = first_largest(t, classes, &largestTarget);
    float exponentials = 0.0f;
    for (int c = threadIdx.x; c < classes; c += 32) {
        exponentials += expf(z[c] - largest);
    }
    const float logSum = logf(warp_sum(exponentials));  // beside `largest`: large logits cancel first
    const float shared = smoothing / classes;
    float loss = 0.0f;
    float slopes = 0.0f;
    for (int c = threadIdx.x; c < classes; c += 32) {
        const float logProbability = z[c] - largest - logSum;
        const float weight = scale[c] * ((1.0f - smoothing) * t[c] + shared);
        loss -= weight * power(-expm1f(logProbability), focus) * logProbability;
        slopes += weight * focal_slope(logProbability, focus);
    }
    loss = warp_sum(loss);
    slopes = warp_sum(slopes);
    if (threadIdx.x == 0) {
        losses[row] = loss;
        hits[row] = predicted == wanted ? 1.0f : 0.0f;
    }
    for (int c = threadIdx.x; c < classes; c += 32) {
        const float logProbability = z[c] - largest - logSum;
        const float weight = scale[c] * ((1.0f - smoothing) * t[c] + shared);
        gradient[at(row, gradientStride, c)] =
            weight * focal_slope(logProbability, focus) - expf(logProbability) * slopes;
    }
}

// Softmax cross-entropy of each row of logits, its gradient, and whether the row was a hit.
//
//   loss     = log(sum(exp(z))) - (1 - s) * z[label] - s * mean(z)
//   gradient = gradientScale * (softmax(z) - ((1 - s) * onehot(label) + s / classes))
//
// with label smoothing s (Szegedy et al. 2016, section 7). A hit is a row whose first largest logit is the label's.
//
// Shapes    logits, gradient [rows, classes] with strides; labels [rows]; losses, hits [rows]
// Bytes     4 * rows * classes read (three times, twice of them from L1), as many written; 4 * rows of labels read, 8
//           of losses and hits written
// Geometry  one warp a row, 8 rows a block of 32 x 8 threads
#include "common.cuh"
#include "warp_sum.cuh"

extern "C" __global__ void __launch_bounds__(THREADS)
    softmax_cross_entropy(const float* __restrict__ logits, int logitsStride, const int* __restrict__ labels,
                          float smoothing, float gradientScale, float* __restrict__ losses,
                          float* __restrict__ hits, float* __restrict__ gradient, int gradientStride, int rows,
                          int classes) {
    const int row = blockIdx.x * 8 + threadIdx.y;
    if (row >= rows) {
        return;  // a whole warp leaves together
    }
    const float* z = logits + at(row, logitsStride, 0);
    float best = -3.402823466e+38f;
    int bestClass = 0x7FFFFFFF;
    float sum = 0.0f;
    for (int c = threadIdx.x; c < classes; c += 32) {
        if (z[c] > best) {
            best = z[c];
            bestClass = c;
        }
        sum += z[c];
    }
    for (int offset = 16; offset > 0; offset /= 2) {
        const float other = __shfl_xor_sync(0xFFFFFFFFu, best, offset);
        const int otherClass = __shfl_xor_sync(0xFFFFFFFFu, bestClass, offset);
        if (other > best || (other == best && otherClass < bestClass)) {
            best = other;
            bestClass = otherClass;
        }
    }
    sum = warp_sum(sum);
    float exponentials = 0.0f;
    for (int c = threadIdx.x; c < classes; c += 32) {
        exponentials += expf(z[c] - best);
    }
    const float logSum = best + logf(warp_sum(exponentials));
    const int label = labels[row];
    if (threadIdx.x == 0) {
        losses[row] = logSum - (1.0f - smoothing) * z[label] - smoothing * sum / classes;
        hits[row] = bestClass == label ? 1.0f : 0.0f;
    }
    for (int c = threadIdx.x; c < classes; c += 32) {
        const float target = (c == label ? 1.0f - smoothing : 0.0f) + smoothing / classes;
        gradient[at(row, gradientStride, c)] = gradientScale * (expf(z[c] - logSum) - target);
    }
}

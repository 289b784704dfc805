// A loss of each output by itself, its gradient, and whether a row of labels was a hit.
//
//   logistic  -(w * t * log(p) + (1 - t) * log(1 - p)),  p = sigmoid(z), t smoothed: (1 - s) * t + s / 2
//   focal     a(t) * (1 - p(t))^gamma times that (Lin et al. 2017, equation 5), p(t) = t * p + (1 - t) * (1 - p) and
//             a(t) = t * alpha + (1 - t) * (1 - alpha), or 1 where alpha is negative
//   squared   (z - t)^2
//   Huber     (z - t)^2 / 2 up to a distance of delta, delta * (|z - t| - delta / 2) beyond
//
// times factors[0], where w is factors[1]. An output whose target is NaN has no loss and no gradient. A hit is a row of
// which every target that there is, one at least, is above 1/2 where its logit is above 0 and only there.
//
// Shapes    logits, targets, gradient [rows, outputs] with strides; factors [2, outputs] with a stride; losses, hits
//           [rows]
// Bytes     8 * rows * outputs read, 4 * rows * outputs written; 8 * outputs read for each row, from L1; 8 of losses
//           and hits written for each row
// Geometry  one warp a row, 8 rows a block of 32 x 8 threads
#include "common.cuh"
#include "warp_sum.cuh"

enum OutputLossKind { LOGISTIC, FOCAL, SQUARED, HUBER };  // as in OutputLoss.java

struct LossAndSlope {
    float loss;
    float slope;
};

__device__ __forceinline__ LossAndSlope loss_of_number(int kind, float error, float delta) {
    if (kind == SQUARED) {
        return {error * error, 2.0f * error};
    }
    const float distance = fabsf(error);
    return distance > delta ? LossAndSlope{delta * (distance - 0.5f * delta), copysignf(delta, error)}
                            : LossAndSlope{0.5f * error * error, error};
}

__device__ __forceinline__ LossAndSlope loss_of_label(int kind, float z, float label, float positive, float smoothing,
                                                      float gamma, float alpha) {
    const float t = (1.0f - smoothing) * label + 0.5f * smoothing;
    const float softened = log1pf(expf(-fabsf(z)));
    const float on = (z < 0.0f ? -z : 0.0f) + softened;  // -log(p)
    const float off = (z > 0.0f ? z : 0.0f) + softened;  // -log(1 - p)
    const float p = expf(-on);
    const float q = expf(-off);
    const float loss = positive * t * on + (1.0f - t) * off;
    const float slope = (1.0f - t) * p - positive * t * q;
    if (kind == LOGISTIC) {
        return {loss, slope};
    }
    const float wrong = p * (1.0f - t) + q * t;  // 1 - p(t)
    const float balance = alpha < 0.0f ? 1.0f : alpha * t + (1.0f - alpha) * (1.0f - t);
    const float focus = gamma == 0.0f ? 1.0f : powf(wrong, gamma);
    // Of 0 the power is infinite, and 0 is the limit of its product with p * q; without focus it is not asked for.
    const float below = wrong == 0.0f || gamma == 0.0f ? 0.0f : gamma == 1.0f ? 1.0f : powf(wrong, gamma - 1.0f);
    const float change = below * p * q * (2.0f * t - 1.0f);
    return {balance * focus * loss, balance * (focus * slope - gamma * change * loss)};
}

extern "C" __global__ void __launch_bounds__(THREADS)
    output_loss(int kind, float smoothing, float gamma, float alpha, float delta, const float* __restrict__ logits,
                int logitsStride, const float* __restrict__ targets, int targetsStride,
                const float* __restrict__ factors, int factorsStride, float* __restrict__ losses,
                float* __restrict__ hits, float* __restrict__ gradient, int gradientStride, int rows, int outputs) {
    const int row = blockIdx.x * 8 + threadIdx.y;
    if (row >= rows) {
        return;  // a whole warp leaves together
    }
    const bool labels = kind == LOGISTIC || kind == FOCAL;
    float loss = 0.0f;
    float there = 0.0f;
    float right = 0.0f;
    for (int c = threadIdx.x; c < outputs; c += 32) {
        const float target = targets[at(row, targetsStride, c)];
        if (target != target) {
            gradient[at(row, gradientStride, c)] = 0.0f;
            continue;
        }
        const float z = logits[at(row, logitsStride, c)];
        const LossAndSlope found =
            labels ? loss_of_label(kind, z, target, factors[factorsStride + c], smoothing, gamma, alpha)
                   : loss_of_number(kind, z - target, delta);
        loss += factors[c] * found.loss;
        gradient[at(row, gradientStride, c)] = factors[c] * found.slope;
        there += 1.0f;
        right += (z > 0.0f) == (target > 0.5f) ? 1.0f : 0.0f;
    }
    loss = warp_sum(loss);
    there = warp_sum(there);
    right = warp_sum(right);
    if (threadIdx.x == 0) {
        losses[row] = loss;
        hits[row] = labels && there > 0.0f && right == there ? 1.0f : 0.0f;
    }
}

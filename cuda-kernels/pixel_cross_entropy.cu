// Softmax cross-entropy of every pixel, its gradient, and a tally of losses, hits, labels and predictions.
//
//   loss     = log(sum(exp(z))) - z[label]
//   gradient = scale * (softmax(z) - onehot(label))
//   tally    = [sum of losses, hits of each class, pixels labelled so, pixels predicted so]
//
// Pixels whose label is `voidLabel` have no loss, a gradient of zeros, and are not counted. A pixel is predicted to be
// of the class of its first largest logit.
//
// A group of lanes shares a pixel and counts in a tally of its own, each entry of which belongs to one lane: there
// are no atomics. combine_rows adds the groups' tallies.
//
// Shapes    logits, gradient [rows, classes] with strides, may be the same memory; labels [rows]; scale [1]; tallies
//           [groups, 1 + 3 * classes]; tally [1 + 3 * classes]
// Bytes     4 * rows * classes read (three times, twice of them from L1), as many written; 4 * rows of labels read;
//           4 * groups * (1 + 3 * classes) of tallies written and read again
// Geometry  blocks of lanes (a power of two, a warp at most) x groups, one dimension of blocks,
//           which step over the pixels together (PixelGroups.java); combine_rows follows
#include "common.cuh"

__device__ __forceinline__ float sum_of_group(float value) {
    for (int offset = blockDim.x / 2; offset > 0; offset /= 2) {
        value += __shfl_xor_sync(0xFFFFFFFFu, value, offset);
    }
    return value;
}

// Adds one to an entry of the group's tally, by the lane that it belongs to.
__device__ __forceinline__ void count_pixel(float* tally, int entry) {
    if (entry % static_cast<int>(blockDim.x) == static_cast<int>(threadIdx.x)) {
        tally[entry] += 1.0f;
    }
}

template <class T>
__device__ void losses_of_pixels(const T* logits, int logitsStride, const int* __restrict__ labels, int voidLabel,
                                 const float* __restrict__ scale, T* gradient, int gradientStride, int rows,
                                 int classes, float* __restrict__ tallies) {
    const int lane = threadIdx.x;
    const int lanes = blockDim.x;
    const int entries = 1 + 3 * classes;
    float* tally = tallies + at(blockIdx.x * blockDim.y + threadIdx.y, entries, 0);
    for (int i = lane; i < entries; i += lanes) {
        tally[i] = 0.0f;
    }
    const float factor = *scale;
    double losses = 0.0;
    // All groups of a warp go through the loop together, since they exchange values in it.
    for (int first = blockIdx.x * blockDim.y; first < rows; first += gridDim.x * blockDim.y) {
        const int row = first + threadIdx.y;
        const bool inside = row < rows;
        const int label = inside ? labels[row] : voidLabel;
        const bool counted = label != voidLabel;
        const T* z = logits + at(row, logitsStride, 0);
        float best = -3.402823466e+38f;
        int bestClass = 0x7FFFFFFF;
        float ofLabel = 0.0f;
        for (int c = lane; counted && c < classes; c += lanes) {
            const float logit = load_one(z + c);
            if (logit > best) {
                best = logit;
                bestClass = c;
            }
            ofLabel = c == label ? logit : ofLabel;
        }
        for (int offset = lanes / 2; offset > 0; offset /= 2) {
            const float other = __shfl_xor_sync(0xFFFFFFFFu, best, offset);
            const int otherClass = __shfl_xor_sync(0xFFFFFFFFu, bestClass, offset);
            if (other > best || (other == best && otherClass < bestClass)) {
                best = other;
                bestClass = otherClass;
            }
        }
        ofLabel = sum_of_group(ofLabel);
        float exponentials = 0.0f;
        for (int c = lane; counted && c < classes; c += lanes) {
            exponentials += expf(load_one(z + c) - best);
        }
        const float logSum = logf(sum_of_group(exponentials));  // beside `best`: large logits cancel first
        // A lane writes over logits that it alone still reads: the group has exchanged what all need.
        for (int c = lane; inside && c < classes; c += lanes) {
            const float target = c == label ? 1.0f : 0.0f;
            store_one(gradient + at(row, gradientStride, c),
                      counted ? factor * (expf(load_one(z + c) - best - logSum) - target) : 0.0f);
        }
        if (counted) {
            losses += best - ofLabel + logSum;
            // No logit is larger than another where they are no numbers.
            const int predicted = bestClass < classes ? bestClass : 0;
            if (predicted == label) {
                count_pixel(tally, 1 + label);
            }
            count_pixel(tally, 1 + classes + label);
            count_pixel(tally, 1 + 2 * classes + predicted);
        }
    }
    if (lane == 0) {
        tally[0] = static_cast<float>(losses);
    }
}

#define PIXEL_CROSS_ENTROPY(name)                                                                                    \
    extern "C" __global__ void __launch_bounds__(THREADS)                                                            \
        name(const Stored* logits, int logitsStride, const int* labels, int voidLabel, const float* scale,           \
             Stored* gradient, int gradientStride, int rows, int classes, float* tallies) {                          \
        losses_of_pixels(logits, logitsStride, labels, voidLabel, scale, gradient, gradientStride, rows, classes,    \
                         tallies);                                                                                   \
    }

namespace of_floats {
PIXEL_CROSS_ENTROPY(pixel_cross_entropy)
}
namespace of_bfloat16 {
PIXEL_CROSS_ENTROPY(pixel_cross_entropy_bf16)
}

// Layer scale, gates of channels (effective squeeze-excitation, Lee and Park 2020, arXiv 1911.06667) and drop path: what
// is one number for an image and a channel. gate(z) = max(0, min(1, (z + 3) / 6)); 1 where `logits` is null.
//
// scale_images     out = x * scale[c] * gate(logits[i, c]) * factors[i] + means[i, c] / pixels
// image_products   sums[i, c] = sum over the pixels of image i of a * b
// scale_gradient   of those sums of gradient * x: logitsGradient = sums * scale * factors / 6 where |z| < 3, else 0, and
//                  then sums *= gate * factors
// drop_path        factors[i] = 0 where the image's draw drops it, else the kept scale
//
// Shapes    x, out, a, b [images * pixels, channels] with strides; scale [channels]; logits, means, sums,
//           logitsGradient [images, channels] with strides; factors [images] with stride
// Bytes     4 * rows * channels for each matrix of pixels
// Geometry  scale_images: tiled, see common.cuh; image_products: tiled, blockIdx.y is the image; the others: a thread an
//           element, one dimension
#include "dropout.cuh"

__device__ __forceinline__ float hard_sigmoid(float z) {
    const float share = (z + 3.0f) / 6.0f;
    return share < 0.0f ? 0.0f : share > 1.0f ? 1.0f : share;
}

template <int V, class T>
__device__ void scale_images(const T* x, int xStride, int pixels, const float* scale, const float* logits,
                             int logitsStride, const float* factors, int factorsStride, const float* means,
                             int meansStride, T* out, int outStride, int rows, int channels, int rowsPerTile) {
    const int c = first_channel<V>();
    if (c >= channels) {
        return;
    }
    const Channels<V> by = load<V>(scale + c);
    const Rows tile = rows_of_tile(rows, rowsPerTile);
    for (int r = tile.first + threadIdx.y; r < tile.end; r += blockDim.y) {
        const int image = r / pixels;
        const float factor = factors[at(image, factorsStride, 0)];
        Channels<V> value = load<V>(x + at(r, xStride, c));
        const Channels<V> z = logits == nullptr ? zeros<V>() : load<V>(logits + at(image, logitsStride, c));
        const Channels<V> plus = means == nullptr ? zeros<V>() : load<V>(means + at(image, meansStride, c));
#pragma unroll
        for (int i = 0; i < V; i++) {
            const float gate = logits == nullptr ? 1.0f : hard_sigmoid(z.v[i]);
            value.v[i] = fmaf(value.v[i], by.v[i] * factor * gate, plus.v[i] / pixels);
        }
        store(out + at(r, outStride, c), value);
    }
}

TYPED_KERNEL(scale_images,
             (const Stored* x, int xStride, int pixels, const float* scale, const float* logits, int logitsStride,
              const float* factors, int factorsStride, const float* means, int meansStride, Stored* out,
              int outStride, int rows, int channels, int rowsPerTile),
             (x, xStride, pixels, scale, logits, logitsStride, factors, factorsStride, means, meansStride, out,
              outStride, rows, channels, rowsPerTile))

template <int V, class T>
__device__ void image_products(const T* a, int aStride, const T* b, int bStride, int pixels, float* sums,
                               int sumsStride, int channels) {
    const int c = first_channel<V>();
    const bool inside = c < channels;
    Channels<V> sum = zeros<V>();
    Channels<V> unused = zeros<V>();
    const int end = (blockIdx.y + 1) * pixels;
    for (int r = blockIdx.y * pixels + threadIdx.y; inside && r < end; r += blockDim.y) {
        const Channels<V> one = load<V>(a + at(r, aStride, c));
        const Channels<V> other = load<V>(b + at(r, bStride, c));
#pragma unroll
        for (int i = 0; i < V; i++) {
            sum.v[i] = fmaf(one.v[i], other.v[i], sum.v[i]);
        }
    }
    sum_over_rows(sum, unused);
    if (inside && threadIdx.y == 0) {
        store(sums + at(blockIdx.y, sumsStride, c), sum);
    }
}

TYPED_KERNEL(image_products,
             (const Stored* a, int aStride, const Stored* b, int bStride, int pixels, float* sums, int sumsStride,
              int channels),
             (a, aStride, b, bStride, pixels, sums, sumsStride, channels))

extern "C" __global__ void __launch_bounds__(THREADS)
    scale_gradient(float* sums, int sumsStride, const float* scale, const float* logits, int logitsStride,
                   const float* factors, int factorsStride, float* logitsGradient, int gradientStride, int images,
                   int channels) {
    const int element = blockIdx.x * blockDim.x + threadIdx.x;
    if (element >= images * channels) {
        return;
    }
    const int i = element / channels;
    const int c = element % channels;
    float sum = sums[at(i, sumsStride, c)] * factors[at(i, factorsStride, 0)];
    if (logits != nullptr) {
        const float z = logits[at(i, logitsStride, c)];
        logitsGradient[at(i, gradientStride, c)] = z > -3.0f && z < 3.0f ? sum * scale[c] / 6.0f : 0.0f;
        sum *= hard_sigmoid(z);
    }
    sums[at(i, sumsStride, c)] = sum;
}

extern "C" __global__ void __launch_bounds__(THREADS)
    drop_path(unsigned layerThreshold, float keptScale, unsigned seedLow, unsigned seedHigh, const unsigned* step,
              unsigned layer, int firstImage, float* factors, int factorsStride, int images) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= images) {
        return;
    }
    const Philox draw = philox(firstImage + i, layer, step[0], step[1], seedLow, seedHigh);
    factors[at(i, factorsStride, 0)] = draw.word[0] < layerThreshold ? 0.0f : keptScale;
}

// Convolutions of channels-last images as products of matrices that are never stored: an operand's `load` finds the
// pixel that a tap of the kernel meets ("implicit GEMM", Chetlur et al. 2014, "cuDNN: efficient primitives for deep
// learning", section 3.2). cuDNN does this job; this is what runs where cuDNN refuses or is not wanted.
//
// convolution_forward   y[q, o] = sum over taps t, inputs i of x[p(q, t), i] * w[o, t, i]
// convolution_data      dx[p, i] = sum over t, o of dy[q(p, t), o] * w[o, t, i]
// convolution_weights   dw[o, t, i] (+)= sum over q of dy[q, o] * x[p(q, t), i]
//
// Shapes    x [images * height * width, in], y [images * outHeight * outWidth, out] with strides; w [out, taps, in];
//           q counts output pixels, p input pixels; tap (ky, kx) of an output pixel (h, w) meets the input pixel
//           (h * stride + ky - padding, w * stride + kx - padding), or 0 outside the image
// Bytes, geometry  see tile_product.cuh
#include "tile_product.cuh"

struct ConvolutionShape {
    int height;
    int width;
    int outHeight;
    int outWidth;
    int kernel;
    int stride;
    int padding;

    // The input pixel that a tap of an output pixel meets, or -1.
    __device__ __forceinline__ int input_pixel(int output, int tap) const {
        const int y = output / outWidth % outHeight * stride + tap / kernel - padding;
        const int x = output % outWidth * stride + tap % kernel - padding;
        const bool inside = y >= 0 && y < height && x >= 0 && x < width;
        return inside ? (output / outWidth / outHeight * height + y) * width + x : -1;
    }

    // The output pixel that meets an input pixel through a tap, or -1.
    __device__ __forceinline__ int output_pixel(int input, int tap) const {
        const int y = input / width % height + padding - tap / kernel;
        const int x = input % width + padding - tap % kernel;
        const bool inside =
            y >= 0 && y % stride == 0 && y / stride < outHeight && x >= 0 && x % stride == 0 && x / stride < outWidth;
        return inside ? (input / width / height * outHeight + y / stride) * outWidth + x / stride : -1;
    }
};

// Rows of the matrix are pixels of the result; its depth runs over the taps and, within one, over the channels that
// the tap meets.
template <bool FORWARD>
struct MetPixels {
    const float* __restrict__ x;
    int stride;
    int channels;
    int rows;
    bool aligned;  // whether every pixel starts on 16 bytes, and four neighbours belong to one tap
    ConvolutionShape shape;

    __device__ bool along_depth() const {
        return true;
    }

    __device__ __forceinline__ int pixel(int row, int tap) const {
        return FORWARD ? shape.input_pixel(row, tap) : shape.output_pixel(row, tap);
    }

    __device__ __forceinline__ Channels<4> load(int p, int end, int row) const {
        Channels<4> values = zeros<4>();
        if (row >= rows) {
            return values;
        }
        if (aligned) {
            const int met = p < end ? pixel(row, p / channels) : -1;
            return met < 0 ? values : ::load<4>(x + at(met, stride, p % channels));
        }
#pragma unroll
        for (int j = 0; j < 4; j++) {
            const int met = p + j < end ? pixel(row, (p + j) / channels) : -1;
            if (met >= 0) {
                values.v[j] = x[at(met, stride, (p + j) % channels)];
            }
        }
        return values;
    }
};

// Its depth runs over output pixels, its width over the taps and, within one, the input channels.
struct PixelsOfTaps {
    const float* __restrict__ x;
    int stride;
    int channels;
    int width;
    bool aligned;  // whether every pixel starts on 16 bytes, and four neighbours belong to one tap
    ConvolutionShape shape;

    __device__ bool along_depth() const {
        return false;
    }

    __device__ __forceinline__ Channels<4> load(int p, int end, int i) const {
        Channels<4> values = zeros<4>();
        if (p >= end) {
            return values;
        }
        if (aligned) {
            const int met = i < width ? shape.input_pixel(p, i / channels) : -1;
            return met < 0 ? values : ::load<4>(x + at(met, stride, i % channels));
        }
#pragma unroll
        for (int j = 0; j < 4; j++) {
            const int met = i + j < width ? shape.input_pixel(p, (i + j) / channels) : -1;
            if (met >= 0) {
                values.v[j] = x[at(met, stride, (i + j) % channels)];
            }
        }
        return values;
    }
};

// The weights w [out, taps, in] with the depth over taps and, within one, outputs; the width over inputs.
struct TurnedWeights {
    const float* __restrict__ w;
    int out;
    int in;
    int taps;
    bool aligned;

    __device__ bool along_depth() const {
        return false;
    }

    __device__ __forceinline__ Channels<4> load(int p, int end, int i) const {
        if (p >= end || i >= in) {
            return zeros<4>();
        }
        return load_some(w + at(p % out * taps + p / out, in, i), in - i, aligned);
    }
};

template <int M, int N, class Arithmetic>
__device__ __forceinline__ void convolution_forward(const float* x, int xStride, int in, int alignedX,
                                                    const float* weights, int alignedWeights, ConvolutionShape shape,
                                                    Result result, int k, int depthOfPart) {
    const MetPixels<true> pixels{x, xStride, in, result.m, alignedX != 0, shape};
    const StridedOperand filters{weights, k, result.n, true, alignedWeights != 0};
    tile_product<M, N, Arithmetic>(pixels, filters, result, k, depthOfPart);
}

template <int M, int N, class Arithmetic>
__device__ __forceinline__ void convolution_data(const float* gradient, int gradientStride, int out,
                                                 int alignedGradient, const float* weights, int alignedWeights,
                                                 ConvolutionShape shape, Result result, int k, int depthOfPart) {
    const MetPixels<false> pixels{gradient, gradientStride, out, result.m, alignedGradient != 0, shape};
    const TurnedWeights filters{weights, out, result.n, shape.kernel * shape.kernel, alignedWeights != 0};
    tile_product<M, N, Arithmetic>(pixels, filters, result, k, depthOfPart);
}

template <int M, int N, class Arithmetic>
__device__ __forceinline__ void convolution_weights(const float* gradient, int gradientStride, int alignedGradient,
                                                    const float* x, int xStride, int in, int alignedX,
                                                    ConvolutionShape shape, Result result, int k, int depthOfPart) {
    const StridedOperand gradients{gradient, gradientStride, result.m, false, alignedGradient != 0};
    const PixelsOfTaps pixels{x, xStride, in, result.n, alignedX != 0, shape};
    tile_product<M, N, Arithmetic>(gradients, pixels, result, k, depthOfPart);
}

#define CONVOLUTION(name, M, N)                                                                                    \
    PRODUCT_KERNELS(name, M, N,                                                                                    \
                    (const float* x, int xStride, int channels, int alignedX, const float* weights,                \
                     int alignedWeights, int height, int width, int outHeight, int outWidth, int kernel, int stride, \
                     int padding, float* c, int ldc, int add, int alignedC, int m, int n, int k, int depthOfPart), \
                    (x, xStride, channels, alignedX, weights, alignedWeights,                                      \
                     ConvolutionShape{height, width, outHeight, outWidth, kernel, stride, padding},                \
                     Result{c, ldc, add != 0, alignedC != 0, m, n}, k, depthOfPart))

#define WEIGHT_GRADIENT(M, N)                                                                                       \
    PRODUCT_KERNELS(convolution_weights, M, N,                                                                      \
                    (const float* gradient, int gradientStride, int alignedGradient, const float* x, int xStride,   \
                     int in, int alignedX, int height, int width, int outHeight, int outWidth, int kernel,          \
                     int stride, int padding, float* c, int ldc, int add, int alignedC, int m, int n, int k,        \
                     int depthOfPart),                                                                              \
                    (gradient, gradientStride, alignedGradient, x, xStride, in, alignedX,                           \
                     ConvolutionShape{height, width, outHeight, outWidth, kernel, stride, padding},                 \
                     Result{c, ldc, add != 0, alignedC != 0, m, n}, k, depthOfPart))

CONVOLUTION(convolution_forward, 128, 64)
CONVOLUTION(convolution_forward, 128, 32)
CONVOLUTION(convolution_data, 128, 64)
WEIGHT_GRADIENT(64, 64)
WEIGHT_GRADIENT(32, 128)

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

// Where the taps of a pixel begin: row and column in the image that they meet, and that image's first row among those
// of all images. NOWHERE meets nothing.
struct Pixel {
    int firstRow;
    int y;
    int x;
};

constexpr int NOWHERE = -(1 << 30);

struct ConvolutionShape {
    int height;
    int width;
    int outHeight;
    int outWidth;
    int kernel;
    int stride;
    int padding;

    // Where the taps of an output pixel begin.
    __device__ __forceinline__ Pixel of_output(int output) const {
        return {output / outWidth / outHeight * height, output / outWidth % outHeight * stride - padding,
                output % outWidth * stride - padding};
    }

    // The input pixel that a tap meets, or -1.
    __device__ __forceinline__ int input_pixel(Pixel output, int ky, int kx) const {
        const int y = output.y + ky;
        const int x = output.x + kx;
        return y >= 0 && y < height && x >= 0 && x < width ? (output.firstRow + y) * width + x : -1;
    }

    // Where the taps of an input pixel begin, in steps of one input pixel.
    __device__ __forceinline__ Pixel of_input(int input) const {
        return {input / width / height * outHeight, input / width % height + padding, input % width + padding};
    }

    // The output pixel that meets an input pixel through a tap, or -1.
    __device__ __forceinline__ int output_pixel(Pixel input, int ky, int kx) const {
        int y = input.y - ky;
        int x = input.x - kx;
        if (y < 0 || x < 0) {
            return -1;
        }
        if (stride > 1) {
            if (y % stride != 0 || x % stride != 0) {
                return -1;
            }
            y /= stride;
            x /= stride;
        }
        return y < outHeight && x < outWidth ? (input.firstRow + y) * outWidth + x : -1;
    }
};

// Rows of the matrix are pixels of the result; its depth runs over the taps and, within one, over the channels that
// the tap meets.
template <bool FORWARD, class T>
struct MetPixels {
    using Place = Pixel;

    const T* __restrict__ x;
    int stride;
    int channels;
    int rows;
    bool aligned;  // whether every pixel starts on the bytes of four, and four neighbours belong to one tap
    ConvolutionShape shape;

    __device__ bool along_depth() const {
        return true;
    }

    __device__ __forceinline__ Pixel place(int row) const {
        return row >= rows ? Pixel{0, NOWHERE, NOWHERE} : FORWARD ? shape.of_output(row) : shape.of_input(row);
    }

    __device__ __forceinline__ int met(Pixel pixel, int tap) const {
        const int ky = tap / shape.kernel;
        const int kx = tap % shape.kernel;
        return FORWARD ? shape.input_pixel(pixel, ky, kx) : shape.output_pixel(pixel, ky, kx);
    }

    __device__ __forceinline__ Channels<4> load(int p, int end, Pixel pixel) const {
        Channels<4> values = zeros<4>();
        if (aligned) {
            const int row = p < end ? met(pixel, p / channels) : -1;
            return row < 0 ? values : ::load<4>(x + at(row, stride, p % channels));
        }
#pragma unroll
        for (int j = 0; j < 4; j++) {
            const int row = p + j < end ? met(pixel, (p + j) / channels) : -1;
            if (row >= 0) {
                values.v[j] = load_one(x + at(row, stride, (p + j) % channels));
            }
        }
        return values;
    }
};

// Its depth runs over output pixels, its width over the taps and, within one, the input channels.
template <class T>
struct PixelsOfTaps {
    // Of the first of four neighbours.
    struct Place {
        int i;
        int ky;
        int kx;
        int channel;
    };

    const T* __restrict__ x;
    int stride;
    int channels;
    int width;
    bool aligned;  // whether every pixel starts on the bytes of four, and four neighbours belong to one tap
    ConvolutionShape shape;

    __device__ bool along_depth() const {
        return false;
    }

    __device__ __forceinline__ Place place(int i) const {
        const int tap = i / channels;
        return {i, tap / shape.kernel, tap % shape.kernel, i % channels};
    }

    __device__ __forceinline__ Channels<4> load(int p, int end, Place place) const {
        Channels<4> values = zeros<4>();
        if (p >= end || place.i >= width) {
            return values;
        }
        const Pixel output = shape.of_output(p);
        if (aligned) {
            const int row = shape.input_pixel(output, place.ky, place.kx);
            return row < 0 ? values : ::load<4>(x + at(row, stride, place.channel));
        }
#pragma unroll
        for (int j = 0; j < 4; j++) {
            const int row = place.i < width ? shape.input_pixel(output, place.ky, place.kx) : -1;
            if (row >= 0) {
                values.v[j] = load_one(x + at(row, stride, place.channel));
            }
            place = next(place);
        }
        return values;
    }

    __device__ __forceinline__ Place next(Place p) const {
        const bool lastChannel = p.channel + 1 == channels;
        const bool lastColumn = lastChannel && p.kx + 1 == shape.kernel;
        return {p.i + 1, p.ky + lastColumn, lastColumn ? 0 : p.kx + lastChannel, lastChannel ? 0 : p.channel + 1};
    }
};

// The weights w [out, taps, in] with the depth over taps and, within one, outputs; the width over inputs.
template <class T>
struct TurnedWeights {
    using Place = int;

    const T* __restrict__ w;
    int out;
    int in;
    int taps;
    bool aligned;

    __device__ bool along_depth() const {
        return false;
    }

    __device__ int place(int i) const {
        return i;
    }

    __device__ __forceinline__ Channels<4> load(int p, int end, int i) const {
        if (p >= end || i >= in) {
            return zeros<4>();
        }
        return load_some(w + at(p % out * taps + p / out, in, i), in - i, aligned);
    }
};

template <int M, int N, class Arithmetic, class T, class Result>
__device__ __forceinline__ void convolution_forward(const T* x, int xStride, int in, int alignedX,
                                                    const T* weights, int alignedWeights, ConvolutionShape shape,
                                                    Result result, int k, int depthOfPart) {
    const MetPixels<true, T> pixels{x, xStride, in, result.m, alignedX != 0, shape};
    const StridedOperand<T> filters{weights, k, result.n, true, alignedWeights != 0};
    tile_product<M, N, Arithmetic>(pixels, filters, result, k, depthOfPart);
}

template <int M, int N, class Arithmetic, class T, class Result>
__device__ __forceinline__ void convolution_data(const T* gradient, int gradientStride, int out,
                                                 int alignedGradient, const T* weights, int alignedWeights,
                                                 ConvolutionShape shape, Result result, int k, int depthOfPart) {
    const MetPixels<false, T> pixels{gradient, gradientStride, out, result.m, alignedGradient != 0, shape};
    const TurnedWeights<T> filters{weights, out, result.n, shape.kernel * shape.kernel, alignedWeights != 0};
    tile_product<M, N, Arithmetic>(pixels, filters, result, k, depthOfPart);
}

template <int M, int N, class Arithmetic, class T, class Result>
__device__ __forceinline__ void convolution_weights(const T* gradient, int gradientStride, int alignedGradient,
                                                    const T* x, int xStride, int in, int alignedX,
                                                    ConvolutionShape shape, Result result, int k, int depthOfPart) {
    const StridedOperand<T> gradients{gradient, gradientStride, result.m, false, alignedGradient != 0};
    const PixelsOfTaps<T> pixels{x, xStride, in, result.n, alignedX != 0, shape};
    tile_product<M, N, Arithmetic>(gradients, pixels, result, k, depthOfPart);
}

#define CONVOLUTION(name, M, N)                                                                                    \
    PRODUCT_KERNELS(name, M, N,                                                                                    \
                    (const Source* x, int xStride, int channels, int alignedX, const Source* weights,              \
                     int alignedWeights, int height, int width, int outHeight, int outWidth, int kernel, int stride, \
                     int padding, Stored* c, int ldc, int add, int alignedC, int m, int n, int k, int depthOfPart), \
                    (x, xStride, channels, alignedX, weights, alignedWeights,                                      \
                     ConvolutionShape{height, width, outHeight, outWidth, kernel, stride, padding},                \
                     Result<Stored>{c, ldc, add != 0, alignedC != 0, m, n}, k, depthOfPart))

#define WEIGHT_GRADIENT(M, N)                                                                                       \
    PRODUCTS_TO_FLOATS(convolution_weights, M, N,                                                                   \
                    (const Source* gradient, int gradientStride, int alignedGradient, const Source* x, int xStride, \
                     int in, int alignedX, int height, int width, int outHeight, int outWidth, int kernel,          \
                     int stride, int padding, Stored* c, int ldc, int add, int alignedC, int m, int n, int k,        \
                     int depthOfPart),                                                                              \
                    (gradient, gradientStride, alignedGradient, x, xStride, in, alignedX,                           \
                     ConvolutionShape{height, width, outHeight, outWidth, kernel, stride, padding},                 \
                     Result<Stored>{c, ldc, add != 0, alignedC != 0, m, n}, k, depthOfPart))

CONVOLUTION(convolution_forward, 128, 64)
CONVOLUTION(convolution_forward, 128, 32)
CONVOLUTION(convolution_data, 128, 64)
WEIGHT_GRADIENT(64, 64)
WEIGHT_GRADIENT(32, 128)

// The kernels of a dense layer on tensor cores, Ampere and newer: a program for each storage type and width, of which a
// device loads those that a network needs (LayerProgram.java). DENSE_LAYER_WIDTH and DENSE_LAYER_BF16 choose one;
// without them all are compiled.
//
// A program for `width` channels of the bottleneck serves layers of at most as many, and of at most NEW new channels:
// 16 for widths of 48 and 64, 32 for 96 and 128, 48 for 192. What a kernel takes of shared memory, and how many rows its
// tiles have, is written once more in PointwiseKernels.java and AppendedKernels.java, and checked when kernels are emulated.
#include "appended_convolution.cuh"
#include "appended_convolution_by_panels.cuh"
#include "appended_gradient.cuh"
#include "pointwise_backward.cuh"
#include "pointwise_forward.cuh"

#ifdef DENSE_LAYER_WIDTH
#define IS_COMPILED(bf16Program, width) (DENSE_LAYER_BF16 == bf16Program && DENSE_LAYER_WIDTH == width)
#else
#define IS_COMPILED(bf16Program, width) 1
#endif

#if IS_COMPILED(1, 48)
POINTWISE_FORWARD(_kept_bf16_48, BFloat16, 128, 48, 8, 1, 3, true, 2)
POINTWISE_FORWARD(_short_bf16_48, BFloat16, 32, 48, 2, 1, 4, false, 4)
POINTWISE_BACKWARD(_bf16_48, BFloat16, 64, 64, 48, 1, 4, 3)
APPENDED_CONVOLUTION(_bf16_48, BFloat16, 128, 48, 16, 8, 2)
APPENDED_GRADIENT(_bf16_48, BFloat16, 48, 16, 64, 48, 4, 1, 96, 48, 9, 2)
#endif

#if IS_COMPILED(1, 64)
POINTWISE_FORWARD(_kept_bf16_64, BFloat16, 128, 64, 8, 1, 3, true, 2)
POINTWISE_FORWARD(_short_bf16_64, BFloat16, 32, 64, 2, 1, 4, false, 4)
POINTWISE_BACKWARD(_bf16_64, BFloat16, 64, 64, 64, 1, 4, 2)
APPENDED_CONVOLUTION(_bf16_64, BFloat16, 128, 64, 16, 8, 2)
APPENDED_GRADIENT(_bf16_64, BFloat16, 64, 16, 64, 64, 2, 2, 128, 64, 9, 2)
#endif

#if IS_COMPILED(1, 96)
POINTWISE_FORWARD(_kept_bf16_96, BFloat16, 128, 96, 4, 2, 3, true, 1)
POINTWISE_FORWARD(_short_bf16_96, BFloat16, 32, 96, 2, 2, 4, false, 3)
POINTWISE_BACKWARD(_bf16_96, BFloat16, 64, 64, 96, 1, 4, 2)
APPENDED_CONVOLUTION(_bf16_96, BFloat16, 192, 96, 32, 6, 1)
APPENDED_CONVOLUTION(_short_bf16_96, BFloat16, 96, 96, 32, 3, 1)
APPENDED_GRADIENT(_bf16_96, BFloat16, 96, 32, 128, 96, 4, 2, 96, 96, 9, 1)
#endif

#if IS_COMPILED(1, 128)
POINTWISE_FORWARD(_kept_bf16_128, BFloat16, 192, 128, 6, 2, 3, true, 1)
POINTWISE_FORWARD(_streamed_bf16_128, BFloat16, 192, 128, 6, 2, 4, false, 1)
POINTWISE_FORWARD(_short_bf16_128, BFloat16, 64, 128, 2, 2, 4, false, 2)
POINTWISE_BACKWARD(_bf16_128, BFloat16, 64, 128, 128, 2, 4, 1)
APPENDED_CONVOLUTION(_bf16_128, BFloat16, 192, 128, 32, 6, 1)
APPENDED_CONVOLUTION(_short_bf16_128, BFloat16, 96, 128, 32, 3, 1)
APPENDED_GRADIENT(_bf16_128, BFloat16, 128, 32, 128, 128, 2, 4, 128, 128, 9, 1)
APPENDED_GRADIENT(_short_bf16_128, BFloat16, 128, 32, 96, 128, 2, 4, 96, 128, 9, 1)
#endif

#if IS_COMPILED(1, 192)
POINTWISE_FORWARD(_kept_bf16_192, BFloat16, 192, 192, 4, 3, 3, true, 1)
POINTWISE_FORWARD(_streamed_bf16_192, BFloat16, 192, 192, 4, 3, 3, false, 1)
POINTWISE_FORWARD(_short_bf16_192, BFloat16, 96, 192, 2, 3, 3, false, 1)
POINTWISE_BACKWARD(_bf16_192, BFloat16, 48, 128, 192, 3, 4, 1)
APPENDED_CONVOLUTION_BY_PANELS(_bf16_192, BFloat16, 128, 192, 48, 4)
APPENDED_CONVOLUTION_BY_PANELS(_short_bf16_192, BFloat16, 96, 192, 48, 3)
APPENDED_GRADIENT(_bf16_192, BFloat16, 192, 48, 192, 64, 6, 2, 128, 64, 3, 1)
APPENDED_GRADIENT(_short_bf16_192, BFloat16, 192, 48, 96, 64, 3, 4, 128, 64, 3, 1)
#endif

#if IS_COMPILED(0, 48)
POINTWISE_FORWARD(_kept_tf32_48, float, 128, 48, 8, 1, 3, true, 2)
POINTWISE_FORWARD(_short_tf32_48, float, 32, 48, 2, 1, 4, false, 4)
POINTWISE_BACKWARD(_tf32_48, float, 64, 64, 48, 1, 4, 1)
APPENDED_CONVOLUTION(_tf32_48, float, 64, 48, 16, 4, 2)
APPENDED_GRADIENT(_tf32_48, float, 48, 16, 64, 48, 4, 1, 48, 48, 9, 2)
#endif

#if IS_COMPILED(0, 64)
POINTWISE_FORWARD(_kept_tf32_64, float, 128, 64, 8, 1, 3, true, 2)
POINTWISE_FORWARD(_short_tf32_64, float, 32, 64, 2, 1, 4, false, 4)
POINTWISE_BACKWARD(_tf32_64, float, 32, 64, 64, 2, 2, 1)
APPENDED_CONVOLUTION(_tf32_64, float, 64, 64, 16, 4, 2)
APPENDED_GRADIENT(_tf32_64, float, 64, 16, 64, 64, 4, 1, 64, 64, 9, 2)
#endif

#if IS_COMPILED(0, 128)
POINTWISE_FORWARD(_streamed_tf32_128, float, 192, 128, 6, 2, 4, false, 1)
POINTWISE_FORWARD(_short_tf32_128, float, 64, 128, 2, 2, 4, false, 2)
POINTWISE_BACKWARD(_tf32_128, float, 32, 128, 128, 2, 4, 1)
APPENDED_CONVOLUTION_BY_PANELS(_tf32_128, float, 192, 128, 32, 6)
APPENDED_CONVOLUTION_BY_PANELS(_middle_tf32_128, float, 128, 128, 32, 4)
APPENDED_CONVOLUTION_BY_PANELS(_short_tf32_128, float, 96, 128, 32, 3)
APPENDED_GRADIENT(_tf32_128, float, 128, 32, 128, 64, 4, 2, 64, 128, 9, 1)
APPENDED_GRADIENT(_short_tf32_128, float, 128, 32, 64, 64, 2, 4, 32, 128, 9, 1)
#endif

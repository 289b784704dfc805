// The kernels of a dense layer, compiled for the host.
#include "../dense_layer.cu"

#include "emulated_program.h"

namespace {

#define ONE(name) EMULATED_BOUNDED_KERNEL(name)
#define LAYER(program) ONE(pointwise_forward_short##program), ONE(pointwise_backward##program)
#define APPENDED(program) ONE(appended_convolution##program), ONE(appended_gradient##program)

const EmulatedProgram program = {
#if IS_COMPILED(1, 48)
    LAYER(_bf16_48), ONE(pointwise_forward_kept_bf16_48), APPENDED(_bf16_48),
#endif
#if IS_COMPILED(1, 64)
    LAYER(_bf16_64), ONE(pointwise_forward_kept_bf16_64), APPENDED(_bf16_64),
#endif
#if IS_COMPILED(1, 96)
    LAYER(_bf16_96), ONE(pointwise_forward_kept_bf16_96), APPENDED(_bf16_96), ONE(appended_convolution_short_bf16_96),
#endif
#if IS_COMPILED(1, 128)
    LAYER(_bf16_128), ONE(pointwise_forward_kept_bf16_128), ONE(pointwise_forward_streamed_bf16_128), APPENDED(_bf16_128),
    ONE(appended_convolution_short_bf16_128), ONE(appended_gradient_short_bf16_128),
#endif
#if IS_COMPILED(1, 192)
    LAYER(_bf16_192), ONE(pointwise_forward_kept_bf16_192), ONE(pointwise_forward_streamed_bf16_192), APPENDED(_bf16_192),
    ONE(appended_convolution_short_bf16_192), ONE(appended_gradient_short_bf16_192),
#endif
#if IS_COMPILED(0, 48)
    LAYER(_tf32_48), ONE(pointwise_forward_kept_tf32_48), APPENDED(_tf32_48),
#endif
#if IS_COMPILED(0, 64)
    LAYER(_tf32_64), ONE(pointwise_forward_kept_tf32_64), APPENDED(_tf32_64),
#endif
#if IS_COMPILED(0, 128)
    LAYER(_tf32_128), ONE(pointwise_forward_streamed_tf32_128), APPENDED(_tf32_128),
    ONE(appended_convolution_middle_tf32_128), ONE(appended_convolution_short_tf32_128),
    ONE(appended_gradient_short_tf32_128),
#endif
};

}  // namespace

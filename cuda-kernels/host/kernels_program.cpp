// The small kernels of a step, compiled for the host.
#include "../kernels.cu"

#include "emulated_program.h"

namespace {

#define ONE(name) EMULATED_KERNEL(name)
#define BOTH(name) EMULATED_KERNEL(name##_v1), EMULATED_KERNEL(name##_v4)
#define TYPED(name) BOTH(name), BOTH(name##_bf16)
#define WIDENING(name) TYPED(name), BOTH(name##_from_bf16)
#define NARROWING(name) TYPED(name), BOTH(name##_to_bf16)
#define MIXED(name) WIDENING(name), BOTH(name##_to_bf16)
#define PRODUCT_TO_FLOATS(name, tile) EMULATED_KERNEL(name##_##tile), EMULATED_KERNEL(name##_tf32_##tile), EMULATED_KERNEL(name##_from_bf16_##tile)
#define PRODUCT(name, tile) PRODUCT_TO_FLOATS(name, tile), EMULATED_KERNEL(name##_bf16_##tile)

// Kernels of each storage have names of their own.
using namespace of_floats;
using namespace of_bfloat16;
using namespace to_bfloat16;
using namespace from_bfloat16;

const EmulatedProgram program = {
    TYPED(accumulate_gradient),
    TYPED(accumulate_gradient_and_average_pool),
    TYPED(accumulate_gradient_average_pool),
    TYPED(accumulate_gradient_global_pool),
    TYPED(accumulate_gradient_of_normalised),
    TYPED(add_bias),
    TYPED(add_column_sums),
    TYPED(add_normalised),
    MIXED(add_rows),
    ONE(add_parts),
    ONE(add_parts_bf16),
    BOTH(adam),
    TYPED(append_features),
    TYPED(apply_correction),
    WIDENING(average_pool),
    NARROWING(average_pool_gradient),
    TYPED(blur_pool),
    TYPED(blur_pool_gradient),
    TYPED(channel_statistics),
    TYPED(column_sums),
    ONE(combine_rows),
    ONE(combine_statistics),
    ONE(combine_sums),
    PRODUCT(convolution_data, 128x64),
    PRODUCT(convolution_forward, 128x32),
    PRODUCT(convolution_forward, 128x64),
    PRODUCT_TO_FLOATS(convolution_weights, 32x128),
    PRODUCT_TO_FLOATS(convolution_weights, 64x64),
    MIXED(copy_rows),
    TYPED(corrected_max_pool_gradient),
    TYPED(copy_window),
    TYPED(depthwise),
    TYPED(depthwise_gradient),
    TYPED(depthwise_weights),
    ONE(drop_path),
    TYPED(fill_rows),
    TYPED(gelu),
    TYPED(gelu_gradient),
    PRODUCT(gemm, 128x64),
    PRODUCT(gemm, 64x64),
    WIDENING(global_average_pool),
    TYPED(gradient_of_appended),
    ONE(group_lasso),
    TYPED(image_products),
    ONE(l2_norm),
    ONE(l2_norm_bf16),
    ONE(l2_norm_gradient),
    ONE(l2_norm_gradient_bf16),
    ONE(l2_norm_inverses),
    ONE(l2_norm_inverses_bf16),
    TYPED(l2_norm_sums),
    ONE(layer_norm),
    ONE(layer_norm_bf16),
    ONE(layer_norm_gradient),
    ONE(layer_norm_gradient_bf16),
    TYPED(layer_norm_sums),
    TYPED(mask_positive),
    TYPED(mask_relu),
    TYPED(max_pool),
    TYPED(max_pool_backward),
    TYPED(max_pool_gradient),
    TYPED(normalise),
    TYPED(normalise_relu),
    TYPED(normalise_relu_average_pool),
    TYPED(normalise_relu_global_pool),
    TYPED(normalise_relu_max_pool),
    ONE(output_loss),
    ONE(pixel_cross_entropy),
    ONE(pixel_cross_entropy_bf16),
    BOTH(moving_average),
    BOTH(multiply),
    BOTH(rmsprop),
    ONE(scale_gradient),
    TYPED(scale_images),
    BOTH(sgd_nesterov),
    EMULATED_BOUNDED_KERNEL(small_operations),
    ONE(softmax_cross_entropy),
    ONE(softmax_vector_loss),
    ONE(squared_norm),
    ONE(squared_norm_tiles),
    TYPED(sum_max_pool_gradient),
    ONE(transpose_rows),
};

}  // namespace

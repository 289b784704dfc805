// The small kernels of a step, compiled for the host.
#include "../kernels.cu"

#include "emulated_program.h"

namespace {

#define ONE(name) EMULATED_KERNEL(name)
#define BOTH(name) EMULATED_KERNEL(name##_v1), EMULATED_KERNEL(name##_v4)
#define PRODUCT(name, tile) EMULATED_KERNEL(name##_##tile), EMULATED_KERNEL(name##_tf32_##tile)

const EmulatedProgram program = {
    BOTH(accumulate_gradient),
    BOTH(accumulate_gradient_average_pool),
    BOTH(accumulate_gradient_global_pool),
    BOTH(accumulate_gradient_of_normalised),
    BOTH(add_bias),
    BOTH(add_column_sums),
    BOTH(add_normalised),
    BOTH(add_rows),
    ONE(add_parts),
    ONE(add_unpacked_gradient),
    BOTH(append_features),
    BOTH(apply_correction),
    BOTH(average_pool),
    BOTH(average_pool_gradient),
    BOTH(blur_pool),
    BOTH(blur_pool_gradient),
    BOTH(channel_statistics),
    BOTH(column_sums),
    ONE(combine_rows),
    ONE(combine_statistics),
    ONE(combine_sums),
    PRODUCT(convolution_data, 128x64),
    PRODUCT(convolution_forward, 128x32),
    PRODUCT(convolution_forward, 128x64),
    PRODUCT(convolution_weights, 32x128),
    PRODUCT(convolution_weights, 64x64),
    BOTH(copy_rows),
    BOTH(copy_window),
    ONE(defer_sums),
    ONE(deferred_correction),
    BOTH(fill_rows),
    ONE(finish_norm_gradient),
    ONE(finish_statistics),
    ONE(fold_normalisation),
    PRODUCT(gemm, 128x64),
    PRODUCT(gemm, 64x64),
    BOTH(global_average_pool),
    BOTH(gradient_of_appended),
    ONE(gradient_weight),
    BOTH(mask_positive),
    BOTH(mask_relu),
    BOTH(max_pool),
    BOTH(max_pool_backward),
    BOTH(max_pool_gradient),
    ONE(norm_correction),
    BOTH(normalise),
    BOTH(normalise_relu),
    BOTH(normalise_relu_average_pool),
    BOTH(normalise_relu_global_pool),
    BOTH(normalise_relu_max_pool),
    ONE(pack_weights),
    ONE(pixel_cross_entropy),
    BOTH(rmsprop),
    BOTH(sgd_nesterov),
    ONE(softmax_cross_entropy),
    ONE(squared_norm),
    ONE(squared_norm_tiles),
    ONE(statistics_of_running),
    ONE(update_running_statistics),
};

}  // namespace

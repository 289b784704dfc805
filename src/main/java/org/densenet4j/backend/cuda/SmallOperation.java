package org.densenet4j.backend.cuda;

import java.util.Locale;

/** The operations of {@code cuda-kernels/small_operations.cu}, in its order. */
enum SmallOperation {
    COMBINE_STATISTICS,
    COMBINE_SUMS,
    FINISH_STATISTICS,
    UPDATE_RUNNING_STATISTICS,
    STATISTICS_OF_RUNNING,
    FOLD_NORMALISATION,
    FINISH_NORM_GRADIENT,
    NORM_CORRECTION,
    DEFER_SUMS,
    DEFERRED_CORRECTION,
    GRADIENT_WEIGHT,
    FILL_FLOATS,
    COPY_FLOATS,
    ADD_FLOATS,
    ADD_PARTS,
    ADD_APPENDED_PARTS,
    PACK_POINTWISE_WEIGHTS,
    PACK_POINTWISE_WEIGHTS_BF16,
    PACK_APPENDED_WEIGHTS,
    PACK_APPENDED_WEIGHTS_BF16,
    PACK_WEIGHTS,
    PACK_WEIGHTS_BF16,
    ADD_UNPACKED_GRADIENT;

    /** Its name in the source. */
    String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}

package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;

/** Memory of a head's loss. */
public sealed interface LossMemory permits ImageLossMemory, VectorLossMemory, PixelLossMemory {
    /** {@return logits, a row for each label and a column for each class} */
    Matrix logits();

    /** {@return their gradient, of the same shape} */
    Matrix logitsGradient();

    /** {@return 32-bit labels, or targets in float32, for their offset} */
    Matrix labels();

    /**
     * {@return all that the host wants to know of a step, in one place so that it is one copy [1,
     * n]}
     */
    Matrix outcome();

    /**
     * {@return the squared Euclidean norms of slices of all parameter gradients, within the
     * outcome}
     */
    Matrix squaredNorms();

    /** {@return outputs of the head} */
    default int classes() {
        return logits().columns();
    }

    /** {@return whether logits stay readable after the backward pass} */
    boolean keepsLogits();

    /** {@return labels of an image: 1, or one for each pixel} */
    int labelsPerImage();
}

package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;

/** Memory of a head in inference. */
public sealed interface HeadInference extends NodeInference
        permits ClassifierInference, PixelClassifierInference, PixelLogitsInference {
    /** {@return name of the head's node} */
    String name();

    /** {@return [N, classes], or [N·H·W, classes] where every pixel is classified} */
    Matrix logits();

    /** {@return rows of logits of one image: 1, or its pixels} */
    int logitRowsPerImage();
}

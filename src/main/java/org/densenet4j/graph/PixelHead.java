package org.densenet4j.graph;

/** A head whose logits are those of every pixel that it reads: [N·H·W, classes]. */
public sealed interface PixelHead extends Node permits PixelClassifier, PixelLogits {
    /** {@return what it reads, whose pixels are classified} */
    Read source();

    /** {@return outputs for each pixel} */
    int classes();
}

package org.densenet4j.backend.cuda;

import org.densenet4j.backend.ConvolutionShape;

/** What is computed of a convolution; cuDNN has algorithms of its own for each. */
enum ConvolutionDirection {
    FORWARD("convolution"),
    DATA_GRADIENT("data gradient"),
    WEIGHT_GRADIENT("weight gradient");

    private final String title;

    ConvolutionDirection(String title) {
        this.title = title;
    }

    /** Its name. */
    String title() {
        return title;
    }

    /** What is computed of a convolution, for messages. */
    String of(ConvolutionShape shape) {
        return this == FORWARD ? shape.toString() : title + " of " + shape;
    }
}

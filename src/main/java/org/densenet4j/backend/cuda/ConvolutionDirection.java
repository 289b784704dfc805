package org.densenet4j.backend.cuda;

/** What is computed of a convolution; cuDNN has algorithms of its own for each. */
enum ConvolutionDirection {
    FORWARD("convolution"),
    DATA_GRADIENT("data gradient"),
    WEIGHT_GRADIENT("weight gradient");

    private final String title;

    ConvolutionDirection(String title) {
        this.title = title;
    }

    /** For messages. */
    String title() {
        return title;
    }
}

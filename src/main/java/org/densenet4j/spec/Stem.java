package org.densenet4j.spec;

/** What comes before the first dense block. */
public enum Stem {
    /** 3x3 convolution, stride 1: for images of 32x32 and the like. */
    SMALL,
    /** 7x7/2 convolution, batch normalisation, ReLU, 3x3/2 max-pool: for ImageNet. */
    IMAGENET
}

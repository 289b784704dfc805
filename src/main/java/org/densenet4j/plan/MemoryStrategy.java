package org.densenet4j.plan;

/** What is kept between the forward and the backward pass. Losses and gradients are the same. */
public enum MemoryStrategy {
    /**
     * What an autograd framework keeps: for every layer its own concatenation, both BN-ReLU outputs
     * and both convolution outputs. Memory grows with the square of the depth. For comparison.
     */
    NAIVE,
    /**
     * Keeps convolution outputs only; BN-ReLU outputs are made again per cache-sized chunk (Pleiss
     * et al. 2017, "shared memory for concatenation and batch normalisation"). Linear memory, the
     * fastest.
     */
    SHARED,
    /** Keeps the k new features of each layer only and computes the 1x1 convolution again, too. */
    RECOMPUTE
}

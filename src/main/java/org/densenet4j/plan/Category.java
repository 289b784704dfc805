package org.densenet4j.plan;

/** What a buffer is for. */
public enum Category {
    /** Parameters and running statistics. */
    WEIGHTS,
    /** Gradients of the parameters. */
    PARAMETER_GRADIENTS,
    /** What the optimiser remembers, and moving averages of the weights. */
    OPTIMISER,
    /** The input batch, block features, and their statistics. */
    FEATURES,
    /** Outputs of the 1x1 bottleneck convolutions. */
    BOTTLENECKS,
    /** Concatenations and normalised copies, which only the naive strategy keeps. */
    COPIES,
    /** Gradients of features. */
    GRADIENTS,
    /** Whole-batch temporaries of one layer. */
    WORKSPACE,
    /** Chunk-sized temporaries of the lanes, per-channel vectors, library scratch. */
    SCRATCH
}

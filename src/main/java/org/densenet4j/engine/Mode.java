package org.densenet4j.engine;

/** How a forward pass treats batch normalisation and dropout. */
public enum Mode {
    /** Batch statistics, shared by all consumers of a channel; running statistics are updated. */
    TRAIN,
    /**
     * Training with frozen batch normalisation, for fine-tuning: each layer uses its own running
     * statistics as constants and leaves them alone; gamma and beta still learn.
     */
    FROZEN,
    /** Each layer's own running statistics, no dropout, nothing is updated. */
    EVALUATE
}

package org.densenet4j.engine;

/**
 * One update of all parameters, for {@link Network#update}. What an optimiser remembers of each
 * parameter is one number, zero when a network is opened ({@link Network#velocity}).
 */
public sealed interface OptimiserStep permits SgdStep, RmspropStep {
    /** {@return learning rate} */
    float rate();

    /** {@return which parameters decay} */
    Decayed decayed();

    /** Parameters that weight decay applies to; weights always are. */
    enum Decayed {
        /** Weights of convolutions and of classifiers. */
        WEIGHTS,
        /** Weights, and the scales gamma of batch normalisations. */
        WEIGHTS_AND_SCALES,
        /** All parameters. */
        ALL
    }
}

package org.densenet4j.engine;

import java.util.List;

/**
 * One update of all parameters, for {@link Network#update}. What an optimiser remembers of each
 * parameter is some numbers by name, all zero when a network is opened ({@link
 * Network#optimiserState}).
 */
public sealed interface OptimiserStep permits SgdStep, RmspropStep, AdamStep {
    /** {@return learning rate} */
    float rate();

    /** {@return weight decay of the parameters that decay} */
    float weightDecay();

    /** {@return which parameters decay} */
    Decayed decayed();

    /**
     * {@return names of what it remembers of each parameter, in an order that does not depend on
     * its settings} The plan of the network must have been made with memory for as many vectors
     */
    List<String> state();

    /**
     * {@return the same step as a group of parameters takes it}
     *
     * @param rateScale factor of the rate
     * @param weightDecay 0 for none
     */
    OptimiserStep withGroup(double rateScale, float weightDecay);

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

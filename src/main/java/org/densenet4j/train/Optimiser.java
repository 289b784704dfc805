package org.densenet4j.train;

import org.densenet4j.engine.OptimiserStep;

/** How parameters are updated. */
public sealed interface Optimiser permits Sgd, Rmsprop {
    /** {@return step size at the start; {@link Trainer#learningRate} changes it} */
    double learningRate();

    /**
     * {@return what checkpoints call it: what one remembers of the parameters is of no use to
     * another}
     */
    String name();

    /**
     * {@return one update}
     *
     * @param rate learning rate of this step
     * @param gradientScale factor of every gradient (clipping)
     */
    OptimiserStep step(double rate, double gradientScale);
}

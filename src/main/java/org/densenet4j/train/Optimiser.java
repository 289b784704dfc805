package org.densenet4j.train;

import org.densenet4j.engine.OptimiserStep;

/** How parameters are updated. */
public sealed interface Optimiser permits Sgd, Rmsprop, Adam {
    /** {@return step size at the start; {@link Trainer#learningRate} changes it} */
    double learningRate();

    /**
     * {@return share of the velocity, or of the mean gradient, that stays: what a schedule may
     * change beside the rate} 0 where there is none
     */
    double momentum();

    /**
     * {@return this optimiser with another momentum}
     *
     * @param value from 0 to 1
     * @throws IllegalArgumentException when there is none to change
     */
    Optimiser withMomentum(double value);

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
     * @param update number of this update, counted from 1 where what it remembers was zero
     */
    OptimiserStep step(double rate, double gradientScale, long update);
}

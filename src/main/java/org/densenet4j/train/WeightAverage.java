package org.densenet4j.train;

/**
 * An exponential moving average of parameters and running statistics (Polyak and Juditsky 1992), as
 * timm's {@code ModelEmaV2} keeps it, or, with a warm-up, {@code ModelEmaV3}.
 *
 * @param decay share of the average that stays in each step, such as 0.9999
 * @param warmUp whether the decay rises to this, so that the average leaves the initialisation
 *     behind: {@code 1 − t^(−2/3)} after t steps, where that is less
 */
public record WeightAverage(double decay, boolean warmUp) {
    private static final double POWER = 2.0 / 3;

    /** Checks the range. */
    public WeightAverage {
        if (!(decay > 0 && decay < 1)) {
            throw new IllegalArgumentException(
                    "decay of the average = " + decay + ": use a number between 0 and 1");
        }
    }

    /**
     * {@return the decay after a step}
     *
     * @param step number of the step, counted from 1
     */
    public double decay(long step) {
        return warmUp ? Math.min(decay, 1 - Math.pow(Math.max(1, step), -POWER)) : decay;
    }
}

package org.densenet4j.engine;

import static java.util.Objects.requireNonNull;

import java.util.OptionalDouble;

/**
 * What an update does otherwise for one parameter than for the others: its group's settings.
 *
 * @param rateScale factor of the learning rate, 0 or more
 * @param weightDecay instead of the optimiser's, or empty for that
 * @param frozen whether it is not trained: its gradient is zero, it takes no part in the norm of
 *     the gradients, and nothing is changed of it
 */
public record ParameterRule(double rateScale, OptionalDouble weightDecay, boolean frozen) {
    /** What all others have. */
    public static final ParameterRule NONE = new ParameterRule(1, OptionalDouble.empty(), false);

    /** Of what is not trained. */
    public static final ParameterRule FROZEN = new ParameterRule(1, OptionalDouble.empty(), true);

    /** Refuses what would make parameters NaN or infinite. */
    public ParameterRule {
        requireNonNull(weightDecay, "weightDecay");
        if (!(rateScale >= 0) || !Float.isFinite((float) rateScale)) {
            throw new IllegalArgumentException(
                    "scale of the rate = "
                            + rateScale
                            + ": use a finite number that is not negative");
        }
        weightDecay.ifPresent(decay -> SgdStep.check("weight decay", (float) decay));
    }
}

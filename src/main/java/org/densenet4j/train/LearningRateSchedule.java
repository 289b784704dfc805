package org.densenet4j.train;

import java.util.Objects;

/**
 * The learning rate over the course of training.
 *
 * <p>Those that are made here refuse, by an {@link IllegalArgumentException}, rates that are
 * negative or not finite and shares of training that are none.
 */
@FunctionalInterface
public interface LearningRateSchedule {
    /**
     * {@return the learning rate of a step}
     *
     * @param progress share of all steps done before it, from 0 to below 1
     */
    double rate(double progress);

    /**
     * Always the same.
     *
     * @param rate the learning rate at the start, 0 or more
     * @return the schedule
     */
    static LearningRateSchedule constant(double rate) {
        Sgd.checkRate(rate);
        return progress -> rate;
    }

    /**
     * Divided by 10 at half and at three quarters, as the DenseNet paper trains on CIFAR.
     *
     * @param rate the learning rate at the start, 0 or more
     * @return the schedule
     */
    static LearningRateSchedule step(double rate) {
        return steps(rate, 0.1, 0.5, 0.75);
    }

    /**
     * Multiplied by {@code factor} at each milestone.
     *
     * @param rate the learning rate at the start, 0 or more
     * @param factor positive
     * @param milestones rising shares of all steps; those above 1 are not reached
     * @return the schedule
     */
    static LearningRateSchedule steps(double rate, double factor, double... milestones) {
        Objects.requireNonNull(milestones, "milestones");
        Sgd.checkRate(rate);
        require(factor > 0 && Double.isFinite(factor), "factor", factor, "a positive number");
        double[] at = milestones.clone();
        for (int i = 0; i < at.length; i++) {
            require(
                    at[i] >= (i == 0 ? 0 : at[i - 1]),
                    "milestone",
                    at[i],
                    "shares of all steps in rising order, such as 0.5, 0.75");
        }
        return progress -> {
            int passed = 0;
            while (passed < at.length && progress >= at[passed]) {
                passed++;
            }
            return rate * Math.pow(factor, passed);
        };
    }

    /**
     * Multiplied by {@code factor} after each epoch.
     *
     * @param rate the learning rate at the start, 0 or more
     * @param factor above 0
     * @param epochs of the training
     * @return the schedule
     */
    static LearningRateSchedule exponential(double rate, double factor, int epochs) {
        Sgd.checkRate(rate);
        require(factor > 0 && Double.isFinite(factor), "factor", factor, "a positive number");
        require(epochs >= 1, "epochs", epochs, "1 or more");
        // A share of all steps that is exactly an epoch's may be a little less in binary.
        return progress -> rate * Math.pow(factor, Math.floor(progress * epochs + 1e-9));
    }

    /**
     * Half a cosine down to zero (Loshchilov and Hutter 2017), as the technical report trains. It
     * stays there.
     *
     * @param rate the learning rate at the start, 0 or more
     * @return the schedule
     */
    static LearningRateSchedule cosine(double rate) {
        Sgd.checkRate(rate);
        return progress -> 0.5 * rate * (1 + Math.cos(Math.PI * Math.min(1, progress)));
    }

    /**
     * Rises linearly over the first {@code share} of training to what this schedule has there, and
     * is never above this schedule. It starts at a fiftieth, so that the first step, which has made
     * no progress, is one.
     *
     * @param share from 0, for no warm-up, to 1
     * @return this schedule with a warm-up
     */
    default LearningRateSchedule withWarmUp(double share) {
        require(share >= 0 && share <= 1, "warm-up", share, "a share of all steps from 0 to 1");
        double start = 0.02;
        return progress ->
                progress < share
                        ? Math.min(
                                rate(progress),
                                rate(share) * (start + (1 - start) * progress / share))
                        : rate(progress);
    }

    private static void require(boolean condition, String what, double value, String use) {
        if (!condition) {
            throw new IllegalArgumentException(what + " = " + value + ": use " + use);
        }
    }
}

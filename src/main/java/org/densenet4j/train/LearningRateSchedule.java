package org.densenet4j.train;

import java.util.Objects;
import java.util.OptionalDouble;

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
     * {@return the momentum of a step, of a schedule that changes it, too}
     *
     * @param progress share of all steps done before it, from 0 to below 1
     */
    default OptionalDouble momentum(double progress) {
        return OptionalDouble.empty();
    }

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
        return cosine(rate, 0);
    }

    /**
     * Half a cosine down to a rate at which it stays, as PyTorch's {@code CosineAnnealingLR}.
     *
     * @param rate the learning rate at the start, 0 or more
     * @param least the learning rate at the end, 0 to {@code rate}
     * @return the schedule
     */
    static LearningRateSchedule cosine(double rate, double least) {
        Sgd.checkRate(rate);
        requireLeast(least, rate);
        return progress -> half(rate, least, Math.min(1, progress));
    }

    private static double half(double rate, double least, double share) {
        return least + 0.5 * (rate - least) * (1 + Math.cos(Math.PI * share));
    }

    private static void requireLeast(double least, double rate) {
        require(least >= 0 && least <= rate, "least rate", least, "0 to the rate at the start");
    }

    /**
     * Cosines that start again (SGDR, Loshchilov and Hutter 2017, equation 5), as PyTorch's {@code
     * CosineAnnealingWarmRestarts}.
     *
     * @param rate the learning rate at the start of each, 0 or more
     * @param least the learning rate at the end of each, 0 to {@code rate}
     * @param first share of all steps that the first one takes, above 0
     * @param factor how many times as long each is as the one before, 1 or more
     * @return the schedule
     */
    static LearningRateSchedule restarts(double rate, double least, double first, int factor) {
        Sgd.checkRate(rate);
        requireLeast(least, rate);
        require(first > 0 && Double.isFinite(first), "first share", first, "a positive number");
        require(factor >= 1, "factor", factor, "1 or more");
        return progress -> {
            double start = 0;
            double length = first;
            // A share that is exactly a restart's may be a little less in binary.
            while (progress >= start + length - 1e-9 * length) {
                start += length;
                length *= factor;
            }
            return half(rate, least, Math.max(0, progress - start) / length);
        };
    }

    /**
     * A power of what is left of the training, as PyTorch's {@code PolynomialLR}.
     *
     * @param rate the learning rate at the start, 0 or more
     * @param power above 0; 1 for a straight line
     * @return the schedule
     */
    static LearningRateSchedule polynomial(double rate, double power) {
        Sgd.checkRate(rate);
        require(power > 0 && Double.isFinite(power), "power", power, "a positive number");
        return progress -> rate * Math.pow(Math.max(0, 1 - progress), power);
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
        LearningRateSchedule whole = this;
        return new LearningRateSchedule() {
            @Override
            public double rate(double progress) {
                return progress < share
                        ? Math.min(
                                whole.rate(progress),
                                whole.rate(share) * (start + (1 - start) * progress / share))
                        : whole.rate(progress);
            }

            @Override
            public OptionalDouble momentum(double progress) {
                return whole.momentum(progress);
            }
        };
    }

    private static void require(boolean condition, String what, double value, String use) {
        if (!condition) {
            throw new IllegalArgumentException(what + " = " + value + ": use " + use);
        }
    }
}

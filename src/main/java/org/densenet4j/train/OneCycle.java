package org.densenet4j.train;

import java.util.OptionalDouble;

/**
 * One cycle up and down (Smith and Topin 2019), as PyTorch's {@code OneCycleLR} with its defaults:
 * the rate rises by half a cosine from {@code rate/divFactor} to {@code rate}, and falls by another
 * to {@code rate/divFactor/finalDivFactor}, while momentum, or Adam's beta1, goes from 0.95 to 0.85
 * and back.
 *
 * @param rate the highest learning rate
 * @param pctStart share of all steps over which it rises, between 0 and 1
 * @param divFactor what it starts below that by, 1 or more
 * @param finalDivFactor what it ends below its start by, 1 or more
 * @param cyclesMomentum whether momentum changes, too
 * @param steps of the training: the highest rate is that of a step, and the lowest that of the
 *     last; 0 for very many
 */
record OneCycle(
        double rate,
        double pctStart,
        double divFactor,
        double finalDivFactor,
        boolean cyclesMomentum,
        long steps)
        implements LearningRateSchedule {
    private static final double HIGHEST_MOMENTUM = 0.95;
    private static final double LOWEST_MOMENTUM = 0.85;

    OneCycle {
        Sgd.checkRate(rate);
    }

    @Override
    public double rate(double progress) {
        double start = rate / divFactor;
        return between(progress, start, rate, start / finalDivFactor);
    }

    @Override
    public OptionalDouble momentum(double progress) {
        return cyclesMomentum
                ? OptionalDouble.of(
                        between(progress, HIGHEST_MOMENTUM, LOWEST_MOMENTUM, HIGHEST_MOMENTUM))
                : OptionalDouble.empty();
    }

    /** PyTorch counts phases from step to step: each ends at its last one. */
    private double between(double progress, double start, double top, double end) {
        double step = steps > 0 ? 1.0 / steps : 0;
        double turn = Math.max(0, pctStart - step);
        double last = 1 - step;
        if (progress <= turn) {
            return anneal(start, top, turn == 0 ? 1 : progress / turn);
        }
        return anneal(top, end, last <= turn ? 1 : Math.min(1, (progress - turn) / (last - turn)));
    }

    private static double anneal(double from, double to, double share) {
        return to + (from - to) / 2 * (1 + Math.cos(Math.PI * share));
    }
}

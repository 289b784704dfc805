package org.densenet4j.train;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalDouble;

/**
 * What a learning-rate range test found (Smith 2017, section 3.3): the loss while the rate rose
 * exponentially from step to step, and what is read off it as fastai's {@code lr_find} does.
 *
 * @param points in the order of the steps
 * @param steps that were asked for; there are fewer points where the loss left all bounds before
 */
public record LearningRateSearch(List<Point> points, int steps) {
    /** Of fastai's smoothed loss. */
    private static final double BETA = 0.98;

    /** Times the least smoothed loss at which the test ends, as fastai's. */
    private static final double DIVERGED = 4;

    /** Last points that suggestions leave out, as fastai does. */
    private static final int LAST = 5;

    /**
     * A step.
     *
     * @param rate its learning rate
     * @param loss of its batch
     * @param smoothed moving average of the losses so far, without its bias towards zero
     */
    public record Point(double rate, double loss, double smoothed) {}

    /** Keeps a copy of the points. */
    public LearningRateSearch {
        points = List.copyOf(Objects.requireNonNull(points, "points"));
    }

    /** Adds points up from step to step. */
    static final class Recorder {
        private final List<Point> points = new ArrayList<>();
        private double average;
        private double best = Double.POSITIVE_INFINITY;

        /** Returns whether the loss is still within bounds. */
        boolean add(double rate, double loss) {
            average = BETA * average + (1 - BETA) * loss;
            double smoothed = average / (1 - Math.pow(BETA, points.size() + 1));
            points.add(new Point(rate, loss, smoothed));
            best = Math.min(best, smoothed);
            return smoothed <= DIVERGED * best;
        }

        boolean isEmpty() {
            return points.isEmpty();
        }

        LearningRateSearch result(int steps) {
            return new LearningRateSearch(points, steps);
        }
    }

    /**
     * The points without the first tenth of the steps, where the average is of few, and the last.
     */
    private List<Point> usable() {
        int from = steps / 10;
        int to = points.size() - LAST;
        return from + 1 < to ? points.subList(from, to) : List.of();
    }

    /**
     * {@return the rate in the middle of the longest valley (fastai's {@code valley}): of the
     * longest sequence of points each lower than the one before, the one behind the middle third's
     * middle; empty where there are too few points}
     */
    public OptionalDouble valley() {
        List<Point> of = usable();
        int n = of.size();
        if (n == 0) {
            return OptionalDouble.empty();
        }
        int[] lengths = new int[n];
        int end = 0;
        int start = 0;
        for (int i = 0; i < n; i++) {
            lengths[i] = 1;
            for (int j = 0; j < i; j++) {
                if (of.get(i).smoothed < of.get(j).smoothed && lengths[i] < lengths[j] + 1) {
                    lengths[i] = lengths[j] + 1;
                }
            }
            if (lengths[i] > lengths[end]) {
                end = i;
                start = end - lengths[end];
            }
        }
        double section = (end - start) / 3.0;
        int index = start + (int) section + (int) (section / 2);
        return OptionalDouble.of(of.get(Math.clamp(index, 0, n - 1)).rate);
    }

    /**
     * {@return the rate at which the smoothed loss falls fastest, over the logarithm of the rate;
     * empty where there are too few points}
     */
    public OptionalDouble steepest() {
        List<Point> of = usable();
        OptionalDouble rate = OptionalDouble.empty();
        double least = Double.POSITIVE_INFINITY;
        for (int i = 1; i < of.size(); i++) {
            Point a = of.get(i - 1);
            Point b = of.get(i);
            double slope = (b.smoothed - a.smoothed) / Math.log(b.rate / a.rate);
            if (slope < least) {
                least = slope;
                rate = OptionalDouble.of(a.rate);
            }
        }
        return rate;
    }

    /**
     * {@return a tenth of the rate of the least smoothed loss; empty where there are few points}
     */
    public OptionalDouble tenthOfMinimum() {
        return usable().stream()
                .min((a, b) -> Double.compare(a.smoothed, b.smoothed))
                .map(p -> OptionalDouble.of(p.rate / 10))
                .orElse(OptionalDouble.empty());
    }

    /**
     * {@return the rate of a step of the test}
     *
     * @param from the first
     * @param to the last
     * @param step counted from 0
     * @param steps 2 or more
     */
    static double rate(double from, double to, int step, int steps) {
        return from * Math.pow(to / from, (double) step / (steps - 1));
    }
}

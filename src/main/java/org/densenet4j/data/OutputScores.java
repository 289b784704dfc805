package org.densenet4j.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * How well outputs do that each have a target by themselves: labels of which an image may have
 * several, and numbers. Keeps all outputs and targets, 8 bytes for each.
 */
public final class OutputScores {
    private static final int FIRST_ROOM = 1024;

    private final int outputs;
    private float[] values = new float[0];
    private float[] targets = new float[0];
    private int count;

    /**
     * How an output does.
     *
     * @param auroc area under the receiver operating characteristic (Hanley and McNeil 1982): the
     *     share of pairs of an image that has the label and one that has not in which the output is
     *     larger for the first, half of those in which both are equal; NaN where there is no such
     *     pair
     * @param averagePrecision {@code Σ (R[n] − R[n−1])·P[n]} over all thresholds, as scikit-learn's
     *     {@code average_precision_score}; NaN where no image has the label
     * @param absoluteError mean of {@code |output − target|}; NaN where there is no target
     * @param positive targets above 1/2
     * @param negative other targets
     */
    public record Score(
            double auroc,
            double averagePrecision,
            double absoluteError,
            long positive,
            long negative) {}

    /**
     * Nothing yet.
     *
     * @param outputs of the network
     */
    public OutputScores(int outputs) {
        if (outputs < 1) {
            throw new IllegalArgumentException("outputs = " + outputs + ": use 1 or more");
        }
        this.outputs = outputs;
    }

    /**
     * Adds images.
     *
     * @param values [images, outputs] outputs, or logits, which are in the same order
     * @param targets [images, outputs], NaN where there is none
     */
    public void add(float[] values, float[] targets) {
        Objects.requireNonNull(values, "values");
        Objects.requireNonNull(targets, "targets");
        if (values.length != targets.length || values.length % outputs != 0) {
            throw new IllegalArgumentException(
                    values.length
                            + " values and "
                            + targets.length
                            + " targets are not as many for images with "
                            + outputs
                            + " outputs");
        }
        int needed = Math.addExact(count, values.length);
        if (needed > this.values.length) {
            int room = (int) Math.max(needed, Math.min(FIRST_ROOM + 2L * count, 1 << 30));
            this.values = Arrays.copyOf(this.values, room);
            this.targets = Arrays.copyOf(this.targets, room);
        }
        System.arraycopy(values, 0, this.values, count, values.length);
        System.arraycopy(targets, 0, this.targets, count, values.length);
        count = needed;
    }

    /** {@return all values [images, outputs], in the order in which they were added} */
    public float[] values() {
        return Arrays.copyOf(values, count);
    }

    /** {@return all targets [images, outputs], in the order in which they were added} */
    public float[] targets() {
        return Arrays.copyOf(targets, count);
    }

    /** {@return how each output does} */
    public List<Score> scores() {
        List<Score> scores = new ArrayList<>();
        for (int c = 0; c < outputs; c++) {
            scores.add(score(c));
        }
        return scores;
    }

    private Score score(int output) {
        Integer[] known =
                IntStream.range(0, count / outputs)
                        .map(i -> i * outputs + output)
                        .filter(i -> !Float.isNaN(targets[i]))
                        .boxed()
                        .toArray(Integer[]::new);
        double error = 0;
        long positive = 0;
        boolean finite = true;
        for (int i : known) {
            error += Math.abs((double) values[i] - targets[i]);
            positive += targets[i] > 0.5 ? 1 : 0;
            finite &= Float.isFinite(values[i]);
        }
        long negative = known.length - positive;
        double absoluteError = known.length == 0 ? Double.NaN : error / known.length;
        if (!finite) { // nothing is in order
            return new Score(Double.NaN, Double.NaN, absoluteError, positive, negative);
        }
        Arrays.sort(known, Comparator.comparingDouble(i -> -values[i]));
        double pairs = 0;
        double precisions = 0;
        long above = 0; // with the label, among those before
        long below = 0; // without it
        int at = 0;
        while (at < known.length) {
            float value = values[known[at]];
            long with = 0;
            long without = 0;
            for (; at < known.length && values[known[at]] == value; at++) {
                with += targets[known[at]] > 0.5 ? 1 : 0;
                without += targets[known[at]] > 0.5 ? 0 : 1;
            }
            pairs += without * (above + 0.5 * with);
            above += with;
            below += without;
            precisions += with * ((double) above / (above + below));
        }
        return new Score(
                positive == 0 || negative == 0
                        ? Double.NaN
                        : pairs / ((double) positive * negative),
                positive == 0 ? Double.NaN : precisions / positive,
                absoluteError,
                positive,
                negative);
    }

    /**
     * {@return the mean of the outputs that have a score; NaN where none has}
     *
     * @param scores of outputs
     * @param of the number of each
     */
    public static double mean(List<Score> scores, ToDoubleFunction<Score> of) {
        Objects.requireNonNull(scores, "scores");
        Objects.requireNonNull(of, "of");
        return scores.stream()
                .mapToDouble(of)
                .filter(score -> !Double.isNaN(score))
                .average()
                .orElse(Double.NaN);
    }
}

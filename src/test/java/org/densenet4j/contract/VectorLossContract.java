package org.densenet4j.contract;

import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.OutputLoss;
import org.densenet4j.backend.OutputLoss.Kind;
import org.junit.jupiter.api.Test;

import java.util.function.DoubleUnaryOperator;

/**
 * {@link org.densenet4j.backend.Kernels#softmaxVectorLoss} and {@link
 * org.densenet4j.backend.Kernels#outputLoss} against their definitions in double precision, and
 * their gradients against finite differences of these.
 */
abstract class VectorLossContract extends OpenedDevice {
    private static final double TOLERANCE = 1e-5;
    private static final double STEP = 1e-5;
    private static final int CASES = 30;

    // ---------------------------------------------------------------- softmax

    @Test
    void softmaxLossOfVectorsIsThatOfItsFormula() {
        forRandomCases(CASES, a -> checkSoftmax(a, 1, 0, 0));
    }

    @Test
    void softmaxLossOfVectorsSmoothsTargetsAndFocuses() {
        forRandomCases(CASES, a -> checkSoftmax(a, 1, 0.1, 0));
        forRandomCases(CASES, a -> checkSoftmax(a, 2, 0, 2));
        forRandomCases(CASES, a -> checkSoftmax(a, 2, 0.2, 0.5));
        forRandomCases(CASES, a -> checkSoftmax(a, 2, 0, 1));
    }

    @Test
    void softmaxLossOfVectorsSurvivesLargeLogits() {
        forRandomCases(CASES, a -> checkSoftmax(a, 80, 0, 0));
        forRandomCases(CASES, a -> checkSoftmax(a, 80, 0, 2));
        forRandomCases(CASES, a -> checkSoftmax(a, 80, 0.1, 0.5));
    }

    private static void checkSoftmax(
            GuardedArena a, double spread, double smoothing, double focus) {
        int rows = a.rows();
        int classes = a.channels();
        Matrix logits = a.values(a.output(rows, classes), g -> spread * g);
        Matrix targets = shares(a, rows, classes);
        Matrix scale = a.positive(1, classes, 0.01, 0.05);
        Matrix losses = a.output(1, rows);
        Matrix hits = a.output(1, rows);
        Matrix gradient = a.output(rows, classes);
        a.upload();
        a.kernels()
                .softmaxVectorLoss(
                        logits,
                        targets,
                        scale,
                        (float) smoothing,
                        (float) focus,
                        losses,
                        hits,
                        gradient);
        a.expect(
                losses,
                TOLERANCE,
                (row, r, t) -> {
                    double[] z = row(a, logits, r);
                    double loss = softmaxLoss(a, z, targets, scale, r, smoothing, focus);
                    t.add(loss, Math.abs(loss) + size(z) * size(row(a, scale, 0)));
                });
        a.expect(
                hits,
                0,
                (row, r, t) ->
                        t.add(
                                firstLargest(row(a, logits, r)) == firstLargest(row(a, targets, r))
                                        ? 1
                                        : 0));
        a.expect(
                gradient,
                4 * TOLERANCE,
                (r, c, t) -> {
                    double[] z = row(a, logits, r);
                    double slope =
                            difference(
                                    x -> {
                                        double[] moved = z.clone();
                                        moved[c] = x;
                                        return softmaxLoss(
                                                a, moved, targets, scale, r, smoothing, focus);
                                    },
                                    z[c]);
                    t.add(slope, Math.abs(slope) + size(row(a, scale, 0)));
                });
        a.check();
    }

    /** Mostly one class, sometimes shares of two, as mixed images have. */
    private static Matrix shares(GuardedArena a, int rows, int classes) {
        Matrix targets = a.values(a.output(rows, classes), g -> 0);
        for (int r = 0; r < rows; r++) {
            double share = a.random.nextBoolean() ? 1 : a.random.nextDouble();
            int other = a.random.nextInt(classes);
            a.set(targets, r, other, 1 - share);
            int one = a.random.nextInt(classes);
            a.set(targets, r, one, one == other ? 1 : share);
        }
        return targets;
    }

    private static double softmaxLoss(
            GuardedArena a,
            double[] z,
            Matrix targets,
            Matrix scale,
            int r,
            double smoothing,
            double focus) {
        double max = z[firstLargest(z)];
        double sum = 0;
        for (double value : z) {
            sum += Math.exp(value - max);
        }
        double loss = 0;
        for (int c = 0; c < z.length; c++) {
            double log = z[c] - max - Math.log(sum);
            double share =
                    (1 - (float) smoothing) * a.value(targets, r, c) + (float) smoothing / z.length;
            loss -= a.value(scale, 0, c) * share * Math.pow(-Math.expm1(log), focus) * log;
        }
        return loss;
    }

    // ---------------------------------------------------------------- each output by itself

    @Test
    void lossesOfLabelsAreThoseOfTheirFormulas() {
        forRandomCases(CASES, a -> checkOutputs(a, of(Kind.LOGISTIC, 0, 0, -1), 2));
        forRandomCases(CASES, a -> checkOutputs(a, of(Kind.LOGISTIC, 0.1, 0, -1), 2));
        forRandomCases(CASES, a -> checkOutputs(a, of(Kind.FOCAL, 0, 2, 0.25), 2));
        forRandomCases(CASES, a -> checkOutputs(a, of(Kind.FOCAL, 0.1, 1, -1), 2));
        forRandomCases(CASES, a -> checkOutputs(a, of(Kind.FOCAL, 0, 0.5, -1), 2));
        forRandomCases(CASES, a -> checkOutputs(a, of(Kind.FOCAL, 0, 0, 0.75), 2));
    }

    @Test
    void lossesOfLabelsSurviveLargeLogits() {
        forRandomCases(CASES, a -> checkOutputs(a, of(Kind.LOGISTIC, 0, 0, -1), 60));
        forRandomCases(CASES, a -> checkOutputs(a, of(Kind.FOCAL, 0, 2, 0.25), 60));
        forRandomCases(CASES, a -> checkOutputs(a, of(Kind.FOCAL, 0, 0.5, -1), 60));
        forRandomCases(CASES, a -> checkOutputs(a, of(Kind.FOCAL, 0, 0, 0.75), 60));
    }

    @Test
    void lossesOfNumbersAreThoseOfTheirFormulas() {
        forRandomCases(CASES, a -> checkOutputs(a, of(Kind.SQUARED, 0, 0, -1), 2));
        forRandomCases(CASES, a -> checkOutputs(a, of(Kind.HUBER, 0, 0, -1), 2));
    }

    private static OutputLoss of(Kind kind, double smoothing, double gamma, double alpha) {
        return new OutputLoss(kind, (float) smoothing, (float) gamma, (float) alpha, 0.75f);
    }

    private static void checkOutputs(GuardedArena a, OutputLoss loss, double spread) {
        boolean labels = loss.kind().isOfLabels();
        int rows = a.rows();
        int outputs = a.random.nextInt(3) == 0 ? 1 : a.channels();
        Matrix logits = a.values(a.output(rows, outputs), g -> spread * g);
        Matrix targets = a.output(rows, outputs);
        double missing = 0.3 * a.random.nextInt(3);
        double agreeing = a.random.nextDouble(); // so that whole rows are right, too
        for (int r = 0; r < rows; r++) {
            boolean agrees = a.random.nextDouble() < agreeing;
            for (int c = 0; c < outputs; c++) {
                double label =
                        agrees && a.value(logits, r, c) > 0 || !agrees && a.random.nextBoolean()
                                ? 1
                                : 0;
                double target = labels ? label : a.random.nextGaussian();
                a.set(targets, r, c, a.random.nextDouble() < missing ? Double.NaN : target);
            }
        }
        Matrix factors = a.positive(2, outputs, 0.01, 3);
        Matrix losses = a.output(1, rows);
        Matrix hits = a.output(1, rows);
        Matrix gradient = a.output(rows, outputs);
        a.upload();
        a.kernels().outputLoss(loss, logits, targets, factors, losses, hits, gradient);
        a.expect(
                losses,
                TOLERANCE,
                (row, r, t) -> {
                    for (int c = 0; c < outputs; c++) {
                        if (!Double.isNaN(a.value(targets, r, c))) {
                            double z = a.value(logits, r, c);
                            double value = loss(a, loss, z, targets, factors, r, c);
                            t.add(value, Math.abs(value) + a.value(factors, 0, c));
                        }
                    }
                });
        a.expect(
                hits,
                0,
                (row, r, t) -> {
                    int there = 0;
                    int right = 0;
                    for (int c = 0; c < outputs; c++) {
                        double target = a.value(targets, r, c);
                        there += Double.isNaN(target) ? 0 : 1;
                        right +=
                                !Double.isNaN(target) && a.value(logits, r, c) > 0 == target > 0.5
                                        ? 1
                                        : 0;
                    }
                    t.add(labels && there > 0 && right == there ? 1 : 0);
                });
        a.expect(
                gradient,
                4 * TOLERANCE,
                (r, c, t) -> {
                    if (!Double.isNaN(a.value(targets, r, c))) {
                        double slope =
                                difference(
                                        x -> loss(a, loss, x, targets, factors, r, c),
                                        a.value(logits, r, c));
                        double factor = a.value(factors, 0, c) * (1 + a.value(factors, 1, c));
                        t.add(slope, Math.abs(slope) + factor);
                    }
                });
        a.check();
    }

    private static double loss(
            GuardedArena a,
            OutputLoss loss,
            double z,
            Matrix targets,
            Matrix factors,
            int r,
            int c) {
        double target = a.value(targets, r, c);
        return a.value(factors, 0, c)
                * switch (loss.kind()) {
                    case SQUARED -> (z - target) * (z - target);
                    case HUBER ->
                            Math.abs(z - target) <= loss.delta()
                                    ? (z - target) * (z - target) / 2
                                    : loss.delta() * (Math.abs(z - target) - loss.delta() / 2);
                    case LOGISTIC, FOCAL ->
                            ofLabel(
                                    loss,
                                    z,
                                    (1 - loss.smoothing()) * target + loss.smoothing() / 2,
                                    a.value(factors, 1, c));
                };
    }

    private static double ofLabel(OutputLoss loss, double z, double t, double positive) {
        double p = 1 / (1 + Math.exp(-z));
        double q = 1 / (1 + Math.exp(z)); // 1 - p would round away what is small
        double entropy = -positive * t * Math.log(p) - (1 - t) * Math.log(q);
        if (loss.kind() == Kind.LOGISTIC) {
            return entropy;
        }
        double balance = loss.alpha() < 0 ? 1 : t * loss.alpha() + (1 - t) * (1 - loss.alpha());
        return balance * Math.pow(p * (1 - t) + q * t, loss.gamma()) * entropy;
    }

    // ---------------------------------------------------------------- both

    private static double difference(DoubleUnaryOperator f, double x) {
        return (f.applyAsDouble(x + STEP) - f.applyAsDouble(x - STEP)) / (2 * STEP);
    }

    private static double[] row(GuardedArena a, Matrix x, int r) {
        double[] row = new double[x.columns()];
        for (int c = 0; c < row.length; c++) {
            row[c] = a.value(x, r, c);
        }
        return row;
    }

    private static double size(double[] values) {
        double size = 0;
        for (double value : values) {
            size = Math.max(size, Math.abs(value));
        }
        return size;
    }

    private static int firstLargest(double[] values) {
        int best = 0;
        for (int c = 1; c < values.length; c++) {
            best = values[c] > values[best] ? c : best;
        }
        return best;
    }
}

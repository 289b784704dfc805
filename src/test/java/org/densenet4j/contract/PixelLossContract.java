package org.densenet4j.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Matrix;
import org.junit.jupiter.api.Test;

import java.util.Arrays;

/**
 * {@link org.densenet4j.backend.Kernels#pixelCrossEntropy} against its definition in double
 * precision. Tolerances as in {@link KernelsContract}.
 */
abstract class PixelLossContract extends OpenedDevice {
    private static final double ELEMENT = 1e-6;
    private static final double SUM = 1e-5;
    private static final int CASES = 40;

    @Test
    void lossGradientAndCountsLeaveOutVoidPixels() {
        forRandomCases(CASES, a -> check(a, a.rows(), 1 + a.random.nextInt(40), 1, 0.3));
    }

    @Test
    void amongEqualLogitsTheFirstIsPredicted() {
        forRandomCases(4, a -> check(a, a.rows(), 1 + a.random.nextInt(40), 0, 0.3));
    }

    @Test
    void largeLogitsDoNotOverflow() {
        forRandomCases(CASES / 4, a -> check(a, a.rows(), 1 + a.random.nextInt(40), 80, 0.3));
    }

    @Test
    void manyClassesAndManyPixels() {
        forRandomCases(2, a -> check(a, 40, 200 + a.random.nextInt(100), 1, 0.3));
        forRandomCases(2, a -> check(a, 1500, 1 + a.random.nextInt(12), 1, 0.3));
    }

    @Test
    void whereAllIsVoidNothingCounts() {
        forRandomCases(4, a -> check(a, a.rows(), 1 + a.random.nextInt(40), 1, 1));
    }

    private static void check(
            GuardedArena a, int pixels, int classes, double spread, double voidShare) {
        Matrix logits = logits(a, pixels, classes, spread);
        Matrix gradient =
                a.random.nextBoolean()
                        ? logits
                        : new Matrix[] {
                                    a.output(pixels, classes), a.activationOutput(pixels, classes)
                                }
                                [logits.type() == a.storage() ? 1 : 0];
        Matrix labelWords = a.denseOutput(1, pixels);
        int[] labels = a.integers(labelWords, classes);
        // Behind the classes, in the place of a class, or below all.
        int voidLabel =
                new int[] {classes, 255 + classes, a.random.nextInt(classes), -1}
                        [a.random.nextInt(4)];
        for (int r = 0; r < pixels; r++) {
            if (a.random.nextDouble() < voidShare) {
                labels[r] = voidLabel;
            }
        }
        a.integers(labelWords, i -> labels[i]);
        Matrix scale = a.values(a.output(1, 1), g -> 0.1 + Math.abs(g));
        Matrix tally = a.output(1, 1 + 3 * classes);
        a.upload();
        a.arena().uploadInts(labels, pixels, labelWords.offset());
        a.kernels()
                .pixelCrossEntropy(logits, labelWords.offset(), voidLabel, scale, gradient, tally);
        double[] logSums = new double[pixels];
        int[] predictions = new int[pixels];
        for (int r = 0; r < pixels; r++) {
            predictions[r] = firstLargest(a, logits, r);
            logSums[r] = logSum(a, logits, r, predictions[r]);
        }
        a.expect(
                gradient,
                SUM,
                (r, c, t) -> {
                    if (labels[r] != voidLabel) {
                        double share = Math.exp(a.value(logits, r, c) - logSums[r]);
                        t.add(share, Math.max(share, 1e-25)) // smaller ones may be no floats
                                .add(c == labels[r] ? -1 : 0)
                                .times(a.value(scale, 0, 0));
                    }
                });
        int[] counts = counts(labels, voidLabel, predictions, classes);
        a.expect(tally.columns(1, 3 * classes), 0, (row, i, t) -> t.add(counts[i]));
        a.expect(
                tally.columns(0, 1),
                ELEMENT,
                (row, column, t) -> {
                    for (int r = 0; r < pixels; r++) {
                        if (labels[r] != voidLabel) {
                            double z = a.value(logits, r, labels[r]);
                            t.add(logSums[r] - z, Math.abs(logSums[r]) + Math.abs(z));
                        }
                    }
                });
        a.check();
    }

    /** In the activations' type, or, as logits often are, in float32. */
    private static Matrix logits(GuardedArena a, int pixels, int classes, double spread) {
        Matrix logits =
                a.random.nextBoolean()
                        ? a.output(pixels, classes)
                        : a.activationOutput(pixels, classes);
        return a.values(logits, g -> spread * g);
    }

    private static int firstLargest(GuardedArena a, Matrix logits, int r) {
        int best = 0;
        for (int c = 1; c < logits.columns(); c++) {
            if (a.value(logits, r, c) > a.value(logits, r, best)) {
                best = c;
            }
        }
        return best;
    }

    private static double logSum(GuardedArena a, Matrix logits, int r, int largest) {
        double max = a.value(logits, r, largest);
        double sum = 0;
        for (int c = 0; c < logits.columns(); c++) {
            sum += Math.exp(a.value(logits, r, c) - max);
        }
        return max + Math.log(sum);
    }

    /** Hits, pixels labelled so, pixels predicted so, of each class. */
    private static int[] counts(int[] labels, int voidLabel, int[] predictions, int classes) {
        int[] counts = new int[3 * classes];
        for (int r = 0; r < labels.length; r++) {
            if (labels[r] != voidLabel) {
                counts[labels[r]] += labels[r] == predictions[r] ? 1 : 0;
                counts[classes + labels[r]]++;
                counts[2 * classes + predictions[r]]++;
            }
        }
        return counts;
    }

    @Test
    void logitsThatAreNoNumbersShowInTheLossAndCountAsAClass() {
        for (float bad : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
            forRandomCases(
                    4,
                    a -> {
                        int classes = 1 + a.random.nextInt(40);
                        Matrix logits = a.values(a.output(5, classes), g -> bad);
                        Matrix gradient = a.output(5, classes);
                        Matrix labels = a.denseOutput(1, 5);
                        a.integers(labels, i -> 0);
                        Matrix scale = a.values(a.output(1, 1), g -> 1);
                        Matrix tally = a.output(1, 1 + 3 * classes);
                        a.upload();
                        a.kernels()
                                .pixelCrossEntropy(
                                        logits, labels.offset(), -1, scale, gradient, tally);
                        float[] values = new float[1 + 3 * classes];
                        a.arena().download(tally, values, 0);
                        assertTrue(Float.isNaN(values[0]), () -> "the loss is " + values[0]);
                        float[] rest = Arrays.copyOfRange(values, 1 + 2 * classes, values.length);
                        double predicted = 0;
                        for (float count : rest) {
                            predicted += count;
                        }
                        assertEquals(5, predicted);
                    });
        }
    }
}

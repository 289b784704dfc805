package org.densenet4j.contract;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Matrix;
import org.junit.jupiter.api.Test;

/**
 * Normalisations without a ReLU behind them and residual sums, alone and in place. Tolerances as in
 * {@link KernelsContract}.
 */
abstract class ResidualContract extends OpenedDevice {
    private static final double ELEMENT = 1e-6;
    private static final double SUM = 1e-5;
    private static final int CASES = 24;

    @Test
    void normaliseScalesAndShifts() {
        forRandomCases(
                CASES,
                a -> {
                    Matrix x = a.activations(a.rows(), a.channels());
                    Matrix affine = a.affine(x.columns());
                    Matrix out =
                            a.random.nextInt(3) == 0
                                    ? x
                                    : a.activationOutput(x.rows(), x.columns());
                    a.upload();
                    a.kernels().normalise(x, affine, out);
                    a.expect(
                            out,
                            ELEMENT,
                            (r, c, t) ->
                                    t.add(a.value(x, r, c) * a.value(affine, 0, c))
                                            .add(a.value(affine, 1, c)));
                    a.check();
                });
    }

    @Test
    void addNormalisedAddsTheShortcutAndCutsOffIfAsked() {
        forRandomCases(
                2 * CASES,
                a -> {
                    boolean relu = a.random.nextBoolean();
                    Matrix x = a.activations(a.rows(), a.channels());
                    Matrix affine = a.affine(x.columns());
                    Matrix addend = a.activations(x.rows(), x.columns());
                    Matrix out =
                            switch (a.random.nextInt(4)) {
                                case 0 -> x;
                                case 1 -> addend;
                                default -> a.activationOutput(x.rows(), x.columns());
                            };
                    a.upload();
                    a.kernels().addNormalised(x, affine, addend, relu, out);
                    a.expect(
                            out,
                            ELEMENT,
                            (r, c, t) -> {
                                double product = a.value(x, r, c) * a.value(affine, 0, c);
                                double shift = a.value(affine, 1, c);
                                double shortcut = a.value(addend, r, c);
                                double sum = product + shift + shortcut;
                                t.add(
                                        relu ? Math.max(0, sum) : sum,
                                        Math.abs(product) + Math.abs(shift) + Math.abs(shortcut));
                            });
                    a.check();
                });
    }

    @Test
    void aSumThatIsNoNumberPassesTheRelu() {
        forRandomCases(
                4,
                a -> {
                    Matrix x = a.activations(3, a.channels());
                    Matrix affine = a.affine(x.columns());
                    Matrix addend = a.values(a.activationOutput(3, x.columns()), g -> Double.NaN);
                    Matrix out = a.activationOutput(3, x.columns());
                    Matrix widened = a.output(3, x.columns());
                    a.upload();
                    a.kernels().addNormalised(x, affine, addend, true, out);
                    a.kernels().copy(out, widened);
                    float[] values = new float[3 * x.columns()];
                    a.arena().download(widened, values, 0);
                    for (float value : values) {
                        assertTrue(Float.isNaN(value), () -> "a NaN became " + value);
                    }
                });
    }

    @Test
    void maskPositiveLetsThroughWhereTheOutputIs() {
        forRandomCases(
                CASES,
                a -> {
                    Matrix output =
                            a.values(
                                    a.activationOutput(a.rows(), a.channels()),
                                    g -> Math.max(0, g));
                    Matrix gradient = a.activations(output.rows(), output.columns());
                    a.upload();
                    a.kernels().maskPositive(gradient, output);
                    a.expect(
                            gradient,
                            0,
                            (r, c, t) ->
                                    t.add(a.value(output, r, c) > 0 ? a.value(gradient, r, c) : 0));
                    a.check();
                });
    }

    @Test
    void gradientOfANormalisationWithoutReluIsAddedOrOverwritten() {
        forRandomCases(
                2 * CASES,
                a -> {
                    boolean add = a.random.nextBoolean();
                    Matrix x = a.activations(a.rows(), a.channels());
                    Matrix gradient = a.activations(x.rows(), x.columns());
                    Matrix statistics = a.statistics(x.columns());
                    Matrix weight = a.normal(1, x.columns());
                    Matrix block =
                            add
                                    ? a.activations(x.rows(), x.columns())
                                    : a.random.nextBoolean()
                                            ? gradient
                                            : a.activationOutput(x.rows(), x.columns());
                    Matrix partial = a.output(2, x.columns());
                    a.upload();
                    a.kernels()
                            .accumulateGradientOfNormalised(
                                    gradient, x, statistics, weight, add, block, partial);
                    a.expect(
                            block,
                            ELEMENT,
                            (r, c, t) -> {
                                t.add(a.value(weight, 0, c) * a.value(gradient, r, c));
                                if (add) {
                                    t.add(a.value(block, r, c));
                                }
                            });
                    expectSums(a, gradient, x, statistics, partial);
                    a.check();
                });
    }

    /** Σ g and Σ g·(x − mean). */
    private static void expectSums(
            GuardedArena a, Matrix gradient, Matrix x, Matrix statistics, Matrix partial) {
        a.expect(
                partial,
                SUM,
                (row, c, t) -> {
                    double mean = a.value(statistics, 0, c);
                    for (int r = 0; r < x.rows(); r++) {
                        double g = a.value(gradient, r, c);
                        double value = a.value(x, r, c);
                        if (row == 0) {
                            t.add(g);
                        } else {
                            t.add(
                                    g * (value - mean),
                                    Math.abs(g) * (Math.abs(value) + Math.abs(mean)));
                        }
                    }
                });
    }
}

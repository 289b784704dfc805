package org.densenet4j.contract;

import org.densenet4j.backend.Matrix;
import org.junit.jupiter.api.Test;

/** What heads behind an L2 norm need of {@link org.densenet4j.backend.Kernels}. */
abstract class L2NormContract extends OpenedDevice {
    /** Sums of up to some hundred terms in any order, in single precision. */
    private static final double SUM = 1e-5;

    private static final int CASES = 16;

    private static final float EPSILON = 0.01f;

    /** Enough channels for several vectors, and seldom whole ones. */
    private static int channels(GuardedArena a) {
        return 1 + a.random.nextInt(a.random.nextBoolean() ? 150 : 20);
    }

    private static double inverse(GuardedArena a, Matrix x, int r, float epsilon) {
        double squares = 0;
        for (int c = 0; c < x.columns(); c++) {
            squares += Math.pow(a.value(x, r, c), 2);
        }
        return 1 / Math.sqrt(squares + epsilon);
    }

    /** Among them one of zeros, which stays one. */
    @Test
    void eachRowIsScaledToTheLengthOfItsScales() {
        forRandomCases(
                CASES,
                a -> {
                    float epsilon = a.random.nextBoolean() ? EPSILON : 1e-10f;
                    Matrix x = a.activations(a.rows(), channels(a));
                    for (int c = 0; c < x.columns(); c++) {
                        a.set(x, 0, c, 0);
                    }
                    Matrix scale = a.normal(1, x.columns());
                    Matrix out =
                            a.random.nextBoolean() ? x : a.activationOutput(x.rows(), x.columns());
                    a.upload();
                    a.kernels().l2Norm(x, scale, epsilon, out);
                    a.expect(
                            out,
                            SUM,
                            (r, c, t) -> {
                                t.add(a.value(x, r, c) * a.value(scale, 0, c));
                                t.times(inverse(a, x, r, epsilon));
                            });
                    a.check();
                });
    }

    @Test
    void theGradientIsThatOfRowsAndTheScalesIsThatOfColumns() {
        forRandomCases(
                CASES,
                a -> {
                    Matrix x = a.activations(a.rows(), channels(a));
                    int channels = x.columns();
                    Matrix gradient = a.activations(x.rows(), channels);
                    Matrix scale = a.normal(1, channels);
                    Matrix inverses = a.output(x.rows(), 1);
                    Matrix sums = a.values(a.denseOutput(1, channels), g -> g);
                    Matrix out =
                            a.random.nextBoolean()
                                    ? gradient
                                    : a.activationOutput(x.rows(), channels);
                    a.upload();
                    a.kernels().l2NormGradient(gradient, x, scale, EPSILON, inverses, sums, out);
                    a.expect(inverses, SUM, (r, c, t) -> t.add(inverse(a, x, r, EPSILON)));
                    a.expect(
                            sums,
                            SUM,
                            (row, c, t) -> {
                                t.add(a.value(sums, row, c));
                                for (int r = 0; r < x.rows(); r++) {
                                    double h = a.value(x, r, c) * inverse(a, x, r, EPSILON);
                                    t.add(a.value(gradient, r, c) * h);
                                }
                            });
                    a.expect(
                            out,
                            SUM,
                            (r, c, t) -> {
                                double by = inverse(a, x, r, EPSILON);
                                double h = a.value(x, r, c) * by;
                                t.add(a.value(gradient, r, c) * a.value(scale, 0, c));
                                for (int i = 0; i < channels; i++) {
                                    double of = a.value(gradient, r, i) * a.value(scale, 0, i);
                                    t.add(-h * of * a.value(x, r, i) * by);
                                }
                                t.times(by);
                            });
                    a.check();
                });
    }
}

package org.densenet4j.contract;

import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;
import org.junit.jupiter.api.Test;

/**
 * {@link org.densenet4j.backend.DeviceArena#multiply}: an element may be off by {@value #TOLERANCE}
 * of the sum of the absolute values of its products.
 */
abstract class GemmContract extends OpenedDevice {
    private static final double TOLERANCE = 1e-5;
    private static final int CASES = 40;

    @Test
    void productsOfStridedMatrices() {
        forRandomCases(CASES, a -> check(a, false, false, false));
    }

    @Test
    void productsWithTheSecondMatrixTransposed() {
        forRandomCases(CASES, a -> check(a, false, true, false));
    }

    @Test
    void productsWithTheFirstMatrixTransposedAreAdded() {
        forRandomCases(CASES, a -> check(a, true, false, true));
    }

    /** Longer sums than an implementation takes at once, and more rows than are too few for it. */
    @Test
    void productsWithLongSums() {
        for (int bits = 0; bits < 8; bits++) {
            boolean transposeA = (bits & 1) != 0;
            boolean transposeB = (bits & 2) != 0;
            boolean accumulate = (bits & 4) != 0;
            forRandomCases(
                    1,
                    a -> {
                        int m = 32 + a.rows();
                        int k = 1025 + a.random.nextInt(200);
                        check(a, m, a.channels(), k, transposeA, transposeB, accumulate);
                    });
        }
    }

    @Test
    void everyOtherCombination() {
        for (int bits = 0; bits < 8; bits++) {
            boolean transposeA = (bits & 1) != 0;
            boolean transposeB = (bits & 2) != 0;
            boolean accumulate = (bits & 4) != 0;
            forRandomCases(CASES / 8, a -> check(a, transposeA, transposeB, accumulate));
        }
    }

    @Test
    void theColumnPrefixOfAFeatureMatrixIsMultipliedInPlace() {
        forRandomCases(
                CASES,
                a -> {
                    int rows = a.rows();
                    int total = 16 + a.channels();
                    int prefix = 1 + a.random.nextInt(total - 1);
                    Matrix features = a.values(a.denseActivationOutput(rows, total), g -> g);
                    Matrix weights =
                            a.values(
                                    a.denseActivationOutput(4 + a.random.nextInt(45), prefix),
                                    g -> g);
                    // Whatever is in the later columns must not matter.
                    Matrix later = features.columns(prefix, total - prefix);
                    a.values(later, g -> Float.NaN);
                    Matrix out = a.denseActivationOutput(rows, weights.rows());
                    multiplyAndCheck(a, features.prefix(prefix), false, weights, true, out, false);
                });
    }

    private void check(GuardedArena a, boolean transposeA, boolean transposeB, boolean accumulate) {
        int k = a.random.nextBoolean() ? a.channels() : a.rows();
        check(a, a.rows(), a.channels(), k, transposeA, transposeB, accumulate);
    }

    private void check(
            GuardedArena a,
            int m,
            int n,
            int k,
            boolean transposeA,
            boolean transposeB,
            boolean accumulate) {
        Matrix left = transposeA ? a.activations(k, m) : a.activations(m, k);
        Matrix right = transposeB ? a.activations(n, k) : a.activations(k, n);
        Matrix out = accumulate ? a.normal(m, n) : result(a, m, n);
        multiplyAndCheck(a, left, transposeA, right, transposeB, out, accumulate);
    }

    /** Products of activations are activations or, as gradients of weights, float32. */
    private static Matrix result(GuardedArena a, int rows, int columns) {
        return a.random.nextBoolean() ? a.activationOutput(rows, columns) : a.output(rows, columns);
    }

    private void multiplyAndCheck(
            GuardedArena a,
            Matrix left,
            boolean transposeA,
            Matrix right,
            boolean transposeB,
            Matrix out,
            boolean accumulate) {
        GemmShape shape = GemmShape.of(left, transposeA, right, transposeB, out, accumulate);
        a.scratch(device.scratchBytes(shape));
        a.upload();
        int lane = a.random.nextInt(device.lanes());
        a.arena().multiply(lane, shape, left, right, out);
        a.expect(
                out,
                TOLERANCE,
                (r, c, t) -> {
                    if (accumulate) {
                        t.add(a.value(out, r, c));
                    }
                    for (int i = 0; i < shape.k(); i++) {
                        double x = transposeA ? a.value(left, i, r) : a.value(left, r, i);
                        double y = transposeB ? a.value(right, c, i) : a.value(right, i, c);
                        t.add(x * y);
                    }
                });
        a.check();
    }
}

package org.densenet4j.contract;

import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PackedOperandMemory;
import org.densenet4j.backend.PackedProduct;
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
        forEveryCombination(
                1,
                (a, transposeA, transposeB, accumulate) -> {
                    int m = 32 + a.rows();
                    int k = 1025 + a.random.nextInt(200);
                    check(a, m, a.channels(), k, transposeA, transposeB, accumulate);
                });
    }

    /** As many products as make splitting their operands worth it. */
    @Test
    void largeProducts() {
        forEveryCombination(
                1,
                (a, transposeA, transposeB, accumulate) -> {
                    int m = 165 + a.random.nextInt(30);
                    int n = 165 + a.random.nextInt(30);
                    int k = 128 + a.random.nextInt(180);
                    check(a, m, n, k, transposeA, transposeB, accumulate);
                });
    }

    /** Of as many rows as it was packed for, and of fewer. */
    @Test
    void productsWithAPackedOperand() {
        for (int bits = 0; bits < 4; bits++) {
            boolean transposeB = (bits & 1) != 0;
            boolean accumulate = (bits & 2) != 0;
            forRandomCases(
                    4,
                    a -> {
                        boolean large = a.random.nextBoolean();
                        int n = large ? 80 + a.random.nextInt(60) : a.channels();
                        int k = large ? 128 + a.random.nextInt(180) : a.channels();
                        checkPacked(a, 1 + a.random.nextInt(90), n, k, transposeB, accumulate);
                    });
        }
    }

    private void checkPacked(
            GuardedArena a, int m, int n, int k, boolean transposeB, boolean accumulate) {
        Matrix left = a.activations(m, k);
        Matrix right = transposeB ? a.activations(n, k) : a.activations(k, n);
        Matrix out = accumulate ? a.normal(m, n) : result(a, m, n);
        GemmShape shape = GemmShape.of(left, false, right, transposeB, out, accumulate);
        long bytes = device.packedMemory(shape).map(PackedOperandMemory::packed).orElse(0L);
        Matrix place = a.output(1, 1 + Math.toIntExact(Math.ceilDiv(bytes, Float.BYTES)));
        a.anything(place);
        int rows = 1 + a.random.nextInt(m);
        a.scratch(device.scratchBytes(shape));
        a.scratch(
                device.scratchBytes(
                        GemmShape.of(
                                left.rows(0, rows),
                                false,
                                right,
                                transposeB,
                                out.rows(0, rows),
                                accumulate)));
        device.packedMemory(shape).ifPresent(memory -> a.scratch(memory.scratch()));
        a.upload();
        PackedProduct product = new PackedProduct(a.arena(), shape, place);
        product.pack(a.random.nextInt(device.lanes()), right);
        int lane = a.random.nextInt(device.lanes());
        product.multiply(lane, left.rows(0, rows), out.rows(0, rows));
        expectProduct(a, left, false, right, transposeB, out.rows(0, rows), accumulate);
        a.check();
    }

    @Test
    void everyOtherCombination() {
        forEveryCombination(CASES / 8, this::check);
    }

    private interface Combination {
        void check(GuardedArena a, boolean transposeA, boolean transposeB, boolean accumulate);
    }

    private void forEveryCombination(int cases, Combination combination) {
        for (int bits = 0; bits < 8; bits++) {
            boolean transposeA = (bits & 1) != 0;
            boolean transposeB = (bits & 2) != 0;
            boolean accumulate = (bits & 4) != 0;
            forRandomCases(cases, a -> combination.check(a, transposeA, transposeB, accumulate));
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
        expectProduct(a, left, transposeA, right, transposeB, out, accumulate);
        a.check();
    }

    private static void expectProduct(
            GuardedArena a,
            Matrix left,
            boolean transposeA,
            Matrix right,
            boolean transposeB,
            Matrix out,
            boolean accumulate) {
        int terms = transposeB ? right.columns() : right.rows();
        a.expect(
                out,
                TOLERANCE,
                (r, c, t) -> {
                    if (accumulate) {
                        t.add(a.value(out, r, c));
                    }
                    for (int i = 0; i < terms; i++) {
                        double x = transposeA ? a.value(left, i, r) : a.value(left, r, i);
                        double y = transposeB ? a.value(right, c, i) : a.value(right, i, c);
                        t.add(x * y);
                    }
                });
    }
}

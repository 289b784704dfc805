package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;
import org.junit.jupiter.api.Test;

/** Products by our own kernel, emulated, against double precision. */
class KernelGemmTest {
    /** Of the sum of the absolute values of the products. */
    private static final double TOLERANCE = 1e-5;

    private record Product(GemmShape shape, Matrix a, Matrix b, Matrix c) {
        /** Any sizes, transposes and strides; a depth of several hundred now and then. */
        static Product random(EmulatedOperands o, int mostRows, int mostDepth) {
            int m = 1 + o.random.nextInt(mostRows);
            int n = 1 + o.random.nextInt(100);
            int k = 1 + o.random.nextInt(o.random.nextBoolean() ? 40 : mostDepth);
            boolean transposeA = o.random.nextBoolean();
            boolean transposeB = o.random.nextBoolean();
            Matrix a = transposeA ? o.normal(k, m) : o.normal(m, k);
            Matrix b = transposeB ? o.normal(n, k) : o.normal(k, n);
            Matrix c = o.normal(m, n);
            boolean accumulate = o.random.nextBoolean();
            return new Product(GemmShape.of(a, transposeA, b, transposeB, c, accumulate), a, b, c);
        }

        float a(EmulatedOperands o, int row, int p) {
            return shape.transposeA() ? o.get(a, p, row) : o.get(a, row, p);
        }

        float b(EmulatedOperands o, int p, int column) {
            return shape.transposeB() ? o.get(b, column, p) : o.get(b, p, column);
        }
    }

    private interface Bound {
        /** How far a value may be from the sum of products, given what it was before. */
        void check(String what, float actual, double before, double[] products, double[] rounded);
    }

    private static void check(EmulatedOperands o, Product p, ProductKernels products, Bound bound) {
        GemmShape s = p.shape;
        float[] before = o.values(p.c);
        o.disturbScratch();
        o.writing(
                p.c,
                products.scratchBytes(),
                () -> new KernelGemm(products).multiply(s, p.a, p.b, p.c));
        double[] exact = new double[s.k()];
        double[] rounded = new double[s.k()];
        for (int r = 0; r < s.m(); r++) {
            for (int c = 0; c < s.n(); c++) {
                for (int i = 0; i < s.k(); i++) {
                    float x = p.a(o, r, i);
                    float y = p.b(o, i, c);
                    exact[i] = (double) x * y;
                    rounded[i] = (double) TensorFloat32.round(x) * TensorFloat32.round(y);
                }
                double old = s.accumulate() ? before[r * s.n() + c] : 0;
                bound.check(s + " at " + r + ", " + c, o.get(p.c, r, c), old, exact, rounded);
            }
        }
    }

    private static void near(String what, float actual, double before, double[] terms, double by) {
        double sum = before;
        double magnitude = Math.abs(before);
        for (double t : terms) {
            sum += t;
            magnitude += Math.abs(t);
        }
        assertEquals(sum, actual, by * magnitude, what);
    }

    private static void inFloat32(
            String what, float actual, double before, double[] exact, double[] rounded) {
        near(what, actual, before, exact, TOLERANCE);
    }

    @Test
    void productsOfAnyShapeInOnePart() {
        for (long seed = 1; seed <= 60; seed++) {
            try (EmulatedOperands o = new EmulatedOperands(seed)) {
                Product p = Product.random(o, 200, 150);
                check(o, p, o.products(132, 0, false), KernelGemmTest::inFloat32);
            }
        }
    }

    @Test
    void aLongSumIsCutIntoPartsThatAreAddedInOrder() {
        int cut = 0;
        for (long seed = 1; seed <= 40; seed++) {
            try (EmulatedOperands o = new EmulatedOperands(seed)) {
                Product p = Product.random(o, 140, 900);
                long scratch = KernelGemm.scratchBytes(p.shape, 8);
                cut += scratch > 0 ? 1 : 0;
                check(o, p, o.products(8, scratch, false), KernelGemmTest::inFloat32);
            }
        }
        assertTrue(cut > 10, cut + " cases had parts");
    }

    @Test
    void withLessScratchThanAskedForThereAreFewerParts() {
        for (long seed = 1; seed <= 20; seed++) {
            try (EmulatedOperands o = new EmulatedOperands(seed)) {
                Product p = Product.random(o, 140, 900);
                long asked = KernelGemm.scratchBytes(p.shape, 20);
                long given = o.random.nextLong(asked + 1);
                check(o, p, o.products(20, given, false), KernelGemmTest::inFloat32);
            }
        }
    }

    @Test
    void tensorCoresRoundOperandsAndNothingElse() {
        for (long seed = 1; seed <= 40; seed++) {
            try (EmulatedOperands o = new EmulatedOperands(seed)) {
                Product p = Product.random(o, 140, 300);
                long scratch = KernelGemm.scratchBytes(p.shape, 4);
                check(
                        o,
                        p,
                        o.products(4, scratch, true),
                        (what, actual, before, exact, rounded) -> {
                            near(what, actual, before, rounded, TOLERANCE);
                            double bound = TensorFloat32.ROUNDING_OF_PRODUCT + TOLERANCE;
                            near(what, actual, before, exact, bound);
                        });
            }
        }
    }

    @Test
    void resultsAreTheSameBitForBitWhateverWasInScratch() {
        for (boolean tensorFloat32 : new boolean[] {false, true}) {
            try (EmulatedOperands o = new EmulatedOperands(7)) {
                Product p = Product.random(o, 100, 900);
                float[] before = o.values(p.c);
                ProductKernels products =
                        o.products(8, KernelGemm.scratchBytes(p.shape, 8), tensorFloat32);
                new KernelGemm(products).multiply(p.shape, p.a, p.b, p.c);
                float[] first = o.values(p.c);
                o.set(p.c, before);
                o.disturbScratch();
                new KernelGemm(products).multiply(p.shape, p.a, p.b, p.c);
                assertArrayEquals(first, o.values(p.c));
            }
        }
    }

    @Test
    void tensorCoresKnowTf32SinceAmpere() {
        assertTrue(ProductKernels.hasTensorFloat32(80));
        assertFalse(ProductKernels.hasTensorFloat32(75));
    }
}

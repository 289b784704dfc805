package org.densenet4j.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.TileSupport;
import org.junit.jupiter.api.Test;

import java.util.Arrays;
import java.util.Optional;
import java.util.Random;

/** Products of float32 on tiles against double precision: when they are taken, and how exact. */
class TripletProductsTest {
    private static final InstructionSet SET = InstructionSet.AVX512_BF16;

    /** Operands, results and scratch. */
    private static final long BYTES = 24 << 20;

    /**
     * What sums may be off by, of the sum of their products' sizes: 2⁻²⁴ for what is left out of a
     * product, and as much for every rounding of some hundred sums one after the other, most of
     * which cancel out.
     */
    private static final double TOLERANCE = 4 * 0x1p-24;

    private static Host host(boolean tiles, boolean pay) {
        Target target = new Target(SET, () -> false, () -> tiles, () -> pay);
        return new Host(OneDnn.get(), Optional.of(target), true, true);
    }

    private static GemmShape product(int m, int n, int k) {
        return new GemmShape(m, n, k, k, n, n, false, false, false);
    }

    @Test
    void largeProductsOfFloatsAreTakenWhereTheyPay() {
        Host here = host(true, true);
        assertTrue(TripletProducts.has(here, product(160, 160, 128)));
        assertTrue(TripletProducts.has(here, product(224, 128, 1000)));
        assertFalse(TripletProducts.has(here, product(160, 159, 128)));
        assertFalse(TripletProducts.has(here, product(160, 160, 127)));
        assertFalse(TripletProducts.has(here, product(100_000, 80, 1000)));
        assertFalse(TripletProducts.has(host(true, false), product(512, 512, 512)));
        assertFalse(TripletProducts.has(host(false, true), product(512, 512, 512)));
        Matrix x = Matrix.dense(0, 512, 512, DataType.BFLOAT16);
        assertFalse(TripletProducts.has(here, GemmShape.of(x, false, x, false, x, false)));
    }

    @Test
    void pointConvolutionsOfFloatsAreTakenByTheirWeightsAndPixels() {
        Host here = host(true, true);
        assertEquals(ConvolutionMethod.TRIPLET_POINT, method(here, 160, 160, 12));
        assertEquals(ConvolutionMethod.POINT, method(here, 160, 64, 12));
        assertEquals(ConvolutionMethod.POINT, method(here, 160, 160, 11));
        assertEquals(ConvolutionMethod.POINT, method(host(true, false), 160, 160, 12));
    }

    private static ConvolutionMethod method(Host host, int in, int out, int side) {
        return ConvolutionMethod.of(
                host, new ConvolutionShape(1, side, side, in, out, 1, 1, 0, DataType.FLOAT32));
    }

    @Test
    void productsAreThoseOfDoublePrecisionToTheAccuracyOfFloats() {
        assumeTrue(TileSupport.here(), "no tiles (AMX) here");
        Random random = new Random(5);
        for (int i = 0; i < 48; i++) {
            int m = 1 + random.nextInt(i % 3 == 0 ? 600 : 90);
            int n = 1 + random.nextInt(i % 3 == 1 ? 600 : 90);
            int k = 1 + random.nextInt(i % 3 == 2 ? 600 : 90);
            boolean a = i % 2 == 1;
            boolean b = i / 2 % 2 == 1;
            boolean add = i / 4 % 2 == 1;
            GemmShape s =
                    new GemmShape(m, n, k, (a ? m : k) + 5, (b ? k : n) + 3, n + 7, a, b, add);
            check(s, random);
        }
    }

    private static void check(GemmShape s, Random random) {
        int aRows = s.transposeA() ? s.k() : s.m();
        int bRows = s.transposeB() ? s.n() : s.k();
        float[] a = values(aRows * s.lda(), random);
        float[] b = values(bRows * s.ldb(), random);
        float[] before = values(s.m() * s.ldc(), random);
        float[] c = before.clone();
        try (Run run = new Run()) {
            Matrix all = run.place(a, aRows, s.lda());
            Matrix left = all.columns(0, s.transposeA() ? s.m() : s.k());
            Matrix right = run.place(b, bRows, s.ldb()).columns(0, s.transposeB() ? s.k() : s.n());
            Matrix result = run.place(c, s.m(), s.ldc());
            run.products.multiply(0, s, left, right, result.columns(0, s.n()));
            run.arena.download(result, c, 0);
        }
        for (int i = 0; i < s.m(); i++) {
            for (int j = 0; j < s.ldc(); j++) {
                int at = i * s.ldc() + j;
                if (j >= s.n()) {
                    assertEquals(before[at], c[at], s + ": written beside C");
                    continue;
                }
                double sum = s.accumulate() ? before[at] : 0;
                double size = Math.abs(sum);
                for (int t = 0; t < s.k(); t++) {
                    double x = a[s.transposeA() ? t * s.lda() + i : i * s.lda() + t];
                    double y = b[s.transposeB() ? j * s.ldb() + t : t * s.ldb() + j];
                    sum += x * y;
                    size += Math.abs(x * y);
                }
                assertEquals(sum, c[at], TOLERANCE * size, s + ": " + i + ", " + j);
            }
        }
    }

    @Test
    void convolutionsAreThoseOfTheSameProducts() {
        assumeTrue(TileSupport.here(), "no tiles (AMX) here");
        Random random = new Random(6);
        for (int i = 0; i < 8; i++) {
            int side = 1 + random.nextInt(9);
            int in = 1 + random.nextInt(i % 2 == 0 ? 300 : 60);
            int out = 1 + random.nextInt(i % 2 == 1 ? 300 : 60);
            checkConvolution(
                    new ConvolutionShape(3, side, side, in, out, 1, 1, 0, DataType.FLOAT32),
                    random);
        }
    }

    private static void checkConvolution(ConvolutionShape s, Random random) {
        int pixels = s.images() * s.height() * s.width();
        int in = s.inputChannels();
        int out = s.outputChannels();
        float[] x = values(pixels * in, random);
        float[] w = values(out * in, random);
        float[] dY = values(pixels * out, random);
        float[] y = new float[pixels * out];
        float[] dX = new float[pixels * in];
        float[] dW = values(out * in, random);
        float[] sum = dW.clone();
        ConvolutionMemory memory = TripletPointConvolution.memory(s);
        try (Run run = new Run();
                TripletPointConvolution convolution =
                        new TripletPointConvolution(run.cpu(), run.products, s)) {
            Matrix source = run.place(x, pixels, in);
            Matrix weights = run.place(w, out, in);
            Matrix gradient = run.place(dY, pixels, out);
            Matrix result = run.place(y, pixels, out);
            Matrix sourceGradient = run.place(dX, pixels, in);
            Matrix weightSum = run.place(sum, 1, out * in);
            int floats = Math.toIntExact(memory.packedWeights() / Float.BYTES);
            Matrix packed = run.place(new float[floats], 1, floats);
            Matrix all = Matrix.vector(weights.offset(), out * in);
            convolution.packForward(0, all, packed);
            convolution.forward(0, s.images(), source, packed, result);
            convolution.backwardWeights(0, s.images(), source, gradient, packed, weightSum);
            convolution.packBackward(0, all, packed);
            convolution.backwardData(0, s.images(), gradient, packed, sourceGradient);
            run.arena.download(result, y, 0);
            run.arena.download(sourceGradient, dX, 0);
            run.arena.download(weightSum, sum, 0);
        }
        for (int p = 0; p < pixels; p++) {
            for (int o = 0; o < out; o++) {
                int pixel = p;
                int output = o;
                assertSum(in, c -> x[pixel * in + c] * (double) w[output * in + c], y[p * out + o]);
            }
            for (int c = 0; c < in; c++) {
                int pixel = p;
                int input = c;
                assertSum(
                        out, o -> dY[pixel * out + o] * (double) w[o * in + input], dX[p * in + c]);
            }
        }
        for (int o = 0; o < out; o++) {
            for (int c = 0; c < in; c++) {
                int output = o;
                int input = c;
                assertSum(
                        pixels,
                        p -> dY[p * out + output] * (double) x[p * in + input],
                        sum[o * in + c] - (double) dW[o * in + c]);
            }
        }
    }

    private interface Term {
        double at(int index);
    }

    private static void assertSum(int terms, Term term, double actual) {
        double sum = 0;
        double size = 4; // of what it was added to
        for (int i = 0; i < terms; i++) {
            sum += term.at(i);
            size += Math.abs(term.at(i));
        }
        assertEquals(sum, actual, TOLERANCE * size);
    }

    @Test
    void denseLayersTakeThemForwardWhereWeightsAreLarge() {
        Target pay = new Target(SET, () -> false, () -> true, () -> true);
        assertEquals(PointwiseMethod.TRIPLETS, method(pay, 128, 80));
        assertEquals(PointwiseMethod.VECTORS, method(pay, 127, 80));
        assertEquals(PointwiseMethod.VECTORS, method(pay, 128, 79));
        Target spare = new Target(SET, () -> false, () -> true, () -> false);
        assertEquals(PointwiseMethod.VECTORS, method(spare, 512, 128));
    }

    private static PointwiseMethod method(Target target, int inputs, int outputs) {
        return PointwiseMethod.of(target, new PointwiseShape(7, inputs, outputs, DataType.FLOAT32));
    }

    @Test
    void rowsAreNormalisedWhileTheyAreSplit() {
        assumeTrue(TileSupport.here(), "no tiles (AMX) here");
        Random random = new Random(9);
        for (int i = 0; i < 12; i++) {
            int rows = 1 + random.nextInt(i % 2 == 0 ? 600 : 40);
            int k = 1 + random.nextInt(i % 3 == 0 ? 600 : 90);
            int n = 1 + random.nextInt(140);
            boolean add = i % 4 == 3;
            float[] x = values(rows * k, random);
            float[] affine = values(2 * k, random);
            float[] w = values(n * k, random);
            float[] before = values(rows * n, random);
            float[] z = before.clone();
            int floats = Math.toIntExact(TripletProducts.packedBytes(k, n) / Float.BYTES);
            try (Run run = new Run()) {
                Matrix source = run.place(x, rows, k);
                Matrix factors = run.place(affine, 2, k);
                Matrix weight = run.place(w, n, k);
                Matrix packed = run.place(new float[floats], 1, floats);
                Matrix result = run.place(z, rows, n);
                run.products.pack(0, weight, true, packed.offset());
                run.products.multiplyByPacked(0, source, factors, packed.offset(), result, add);
                run.arena.download(result, z, 0);
            }
            for (int r = 0; r < rows; r++) {
                for (int c = 0; c < n; c++) {
                    double sum = add ? before[r * n + c] : 0;
                    double size = 1;
                    for (int t = 0; t < k; t++) {
                        double a = Math.fma(x[r * k + t], affine[t], affine[k + t]);
                        double product = Math.max(a, 0) * w[c * k + t];
                        sum += product;
                        size += Math.abs(product);
                    }
                    assertEquals(sum, z[r * n + c], 2 * TOLERANCE * size);
                }
            }
        }
    }

    /** Three bfloat16 hold the 24 bits of a float32. */
    @Test
    void aNumberTimesOneIsThatNumber() {
        assumeTrue(TileSupport.here(), "no tiles (AMX) here");
        int n = 64;
        float[] one = new float[n * n];
        for (int i = 0; i < n; i++) {
            one[i * n + i] = 1;
        }
        float[] x = values(n * n, new Random(8));
        for (int i = 0; i < x.length; i++) {
            x[i] *= (float) Math.pow(2, i % 200 - 100);
        }
        float[] c = new float[n * n];
        try (Run run = new Run()) {
            Matrix result = run.place(c, n, n);
            run.products.multiply(
                    0, product(n, n, n), run.place(x, n, n), run.place(one, n, n), result);
            run.arena.download(result, c, 0);
        }
        assertEquals(Arrays.toString(x), Arrays.toString(c));
    }

    private static float[] values(int count, Random random) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    /** An arena of one lane with matrices in it, and products of tiles. */
    private static final class Run implements AutoCloseable {
        private static final long SCRATCH = 12 << 20;
        private final Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(1));
        private final DeviceArena arena = device.allocate(BYTES, BYTES - SCRATCH, SCRATCH);
        private final TripletProducts products =
                new TripletProducts(cpu(), new Target(SET, () -> false, () -> true, () -> true));
        private long next;

        CpuArena cpu() {
            return (CpuArena) arena;
        }

        Matrix place(float[] values, int rows, int columns) {
            Matrix m = Matrix.dense(next, rows, columns);
            next = Math.ceilDiv(next + m.storedBytes(), 64L) * 64;
            assertTrue(next <= BYTES - SCRATCH);
            arena.upload(values, 0, m);
            return m;
        }

        @Override
        public void close() {
            products.close();
            arena.close();
            device.close();
        }
    }
}

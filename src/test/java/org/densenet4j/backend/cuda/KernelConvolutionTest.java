package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.Arrays;

/** Convolutions by our own kernels, emulated, against the sum that defines them. */
class KernelConvolutionTest {
    /** Of the sum of the absolute values of the products. */
    private static final double TOLERANCE = 1e-5;

    private static final int MULTIPROCESSORS = 4;

    /** One multiplication of the convolution. */
    private interface Term {
        void of(int inputRow, int i, int outputRow, int o, int weight);
    }

    /** A convolution of random numbers, on a device, and each direction's expected sums. */
    private static final class Case {
        final EmulatedOperands operands;
        final ConvolutionShape shape;
        final boolean tensorFloat32;
        final Matrix source;
        final Matrix weights;
        final Matrix packed;
        final Matrix output;
        final KernelConvolution convolution;
        final long scratchBytes;

        Case(EmulatedOperands operands, ConvolutionShape shape, boolean tensorFloat32) {
            this.operands = operands;
            this.shape = shape;
            this.tensorFloat32 = tensorFloat32;
            int n = shape.images();
            source = operands.normal(n * shape.height() * shape.width(), shape.inputChannels());
            weights = operands.dense(1, shape.weights());
            packed = operands.dense(1, shape.weights());
            output =
                    operands.normal(
                            n * shape.outputHeight() * shape.outputWidth(), shape.outputChannels());
            scratchBytes = KernelConvolution.memory(shape, MULTIPROCESSORS).scratch();
            convolution =
                    new KernelConvolution(
                            operands.products(MULTIPROCESSORS, scratchBytes, tensorFloat32),
                            operands.kernels(6),
                            shape);
            operands.disturbScratch();
        }

        /** Visits every multiplication; weights in PyTorch's layout. */
        void forEachTerm(Term term) {
            int k = shape.kernel();
            for (int row = 0; row < output.rows(); row++) {
                int image = row / shape.outputWidth() / shape.outputHeight();
                int y = row / shape.outputWidth() % shape.outputHeight() * shape.stride();
                int x = row % shape.outputWidth() * shape.stride();
                for (int tap = 0; tap < k * k; tap++) {
                    int h = y + tap / k - shape.padding();
                    int w = x + tap % k - shape.padding();
                    if (h < 0 || h >= shape.height() || w < 0 || w >= shape.width()) {
                        continue;
                    }
                    int met = (image * shape.height() + h) * shape.width() + w;
                    for (int o = 0; o < shape.outputChannels(); o++) {
                        for (int i = 0; i < shape.inputChannels(); i++) {
                            term.of(met, i, row, o, (o * shape.inputChannels() + i) * k * k + tap);
                        }
                    }
                }
            }
        }

        double rounded(float value) {
            return tensorFloat32 ? TensorFloat32.round(value) : value;
        }

        void expect(Matrix actual, float[] before, Terms terms) {
            double[] sum = new double[before.length];
            double[] magnitude = new double[before.length];
            for (int i = 0; i < before.length; i++) {
                sum[i] = before[i];
                magnitude[i] = Math.abs(before[i]);
            }
            terms.addTo(
                    (index, a, b) -> {
                        double product = rounded(a) * rounded(b);
                        sum[index] += product;
                        magnitude[index] += Math.abs(product);
                    });
            float[] values = operands.values(actual);
            for (int i = 0; i < values.length; i++) {
                String what = shape + ", element " + i;
                assertEquals(sum[i], values[i], TOLERANCE * magnitude[i], what);
            }
        }

        float[] nothing(Matrix m) {
            return new float[m.rows() * m.columns()];
        }

        void checkAll() {
            convolution.packForward(0, weights, packed);
            float[] wanted = operands.values(output);
            checkDataGradient();
            checkWeightGradient();
            operands.set(output, wanted);
            checkForward();
        }

        private void checkForward() {
            int images = shape.images();
            operands.writing(
                    output,
                    scratchBytes,
                    () -> convolution.forward(0, images, source, packed, output));
            int columns = output.columns();
            expect(
                    output,
                    nothing(output),
                    add ->
                            forEachTerm(
                                    (met, i, row, o, w) ->
                                            add.product(
                                                    row * columns + o,
                                                    operands.get(source, met, i),
                                                    operands.get(weights, 0, w))));
        }

        private void checkDataGradient() {
            Matrix gradient = operands.normal(source.rows(), source.columns());
            operands.writing(
                    gradient,
                    scratchBytes,
                    () -> convolution.backwardData(0, shape.images(), output, packed, gradient));
            int columns = gradient.columns();
            expect(
                    gradient,
                    nothing(gradient),
                    add ->
                            forEachTerm(
                                    (met, i, row, o, w) ->
                                            add.product(
                                                    met * columns + i,
                                                    operands.get(output, row, o),
                                                    operands.get(weights, 0, w))));
        }

        private void checkWeightGradient() {
            Matrix sum = operands.dense(1, shape.weights());
            Matrix gradient = operands.dense(1, shape.weights());
            operands.set(sum, nothing(sum));
            float[] before = operands.values(gradient);
            operands.writing(
                    sum,
                    scratchBytes,
                    () ->
                            convolution.backwardWeights(
                                    0, shape.images(), source, output, null, sum));
            convolution.reduceWeightGradient(0, sum, gradient);
            expect(
                    gradient,
                    before,
                    add ->
                            forEachTerm(
                                    (met, i, row, o, w) ->
                                            add.product(
                                                    w,
                                                    operands.get(output, row, o),
                                                    operands.get(source, met, i))));
        }
    }

    private interface Products {
        void product(int index, float a, float b);
    }

    private interface Terms {
        void addTo(Products add);
    }

    @Test
    void everyDirectionOfRandomConvolutions() {
        for (long seed = 1; seed <= 40; seed++) {
            try (EmulatedOperands operands = new EmulatedOperands(seed)) {
                var random = operands.random;
                int kernel = 1 + random.nextInt(5);
                int padding = random.nextInt(kernel);
                int stride = 1 + random.nextInt(3);
                int least = Math.max(1, kernel - 2 * padding);
                ConvolutionShape shape =
                        new ConvolutionShape(
                                1 + random.nextInt(3),
                                least + random.nextInt(9),
                                least + random.nextInt(9),
                                1 + random.nextInt(20),
                                1 + random.nextInt(20),
                                kernel,
                                stride,
                                padding);
                new Case(operands, shape, seed % 4 == 0).checkAll();
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "2, 23, 20,  3, 24, 7, 2, 3", // the stem of ImageNet
        "2, 15, 13,  3, 16, 3, 1, 1", // the stem of CIFAR
        "3, 11, 14, 48, 12, 3, 1, 1",
        "2,  9,  9, 68, 36, 3, 1, 1",
        "3,  7,  7, 36, 70, 1, 1, 0"
    })
    void theConvolutionsOfADenseNet(
            int images, int h, int w, int in, int out, int kernel, int stride, int padding) {
        ConvolutionShape shape =
                new ConvolutionShape(images, h, w, in, out, kernel, stride, padding);
        for (boolean tensorFloat32 : new boolean[] {false, true}) {
            try (EmulatedOperands operands = new EmulatedOperands(1)) {
                new Case(operands, shape, tensorFloat32).checkAll();
            }
        }
    }

    @Test
    void fewerImagesThanTheShapeHasLeaveTheOthersAlone() {
        ConvolutionShape shape = new ConvolutionShape(4, 6, 5, 8, 12, 3, 1, 1);
        try (EmulatedOperands operands = new EmulatedOperands(3)) {
            Case c = new Case(operands, shape, false);
            c.convolution.packForward(0, c.weights, c.packed);
            Matrix two = c.output.rows(0, 2 * 6 * 5);
            operands.writing(
                    two,
                    c.scratchBytes,
                    () -> c.convolution.forward(0, 2, c.source, c.packed, c.output));
            float[] some = operands.values(two);
            c.convolution.forward(0, 4, c.source, c.packed, c.output);
            float[] all = operands.values(c.output);
            for (int i = 0; i < some.length; i++) {
                assertEquals(all[i], some[i], 1e-4f);
            }
        }
    }

    @Test
    void theWeightGradientIsTheSameBitForBitAndItsSumHasParts() {
        ConvolutionShape shape = new ConvolutionShape(3, 16, 16, 12, 12, 3, 1, 1);
        try (EmulatedOperands operands = new EmulatedOperands(4)) {
            Case c = new Case(operands, shape, false);
            assertTrue(c.scratchBytes >= 2 * 4L * shape.weights(), c.scratchBytes + " bytes");
            Matrix sum = operands.dense(1, shape.weights());
            float[] before = operands.values(sum);
            c.convolution.backwardWeights(0, 3, c.source, c.output, null, sum);
            float[] first = operands.values(sum);
            assertTrue(!Arrays.equals(before, first));
            operands.set(sum, before);
            operands.disturbScratch();
            c.convolution.backwardWeights(0, 3, c.source, c.output, null, sum);
            assertArrayEquals(first, operands.values(sum));
        }
    }
}

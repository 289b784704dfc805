package org.densenet4j.contract;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.AppendedConvolution;
import org.densenet4j.backend.AppendedGradient;
import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Matrix;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * {@link AppendedConvolution} against the sums that define it, on devices that have one, between
 * columns of a block that hold NaN.
 *
 * <p>An element may be off by a share of the sum of the absolute values of all terms that it was
 * made of; see {@link PointwiseContract}.
 */
abstract class AppendedContract extends OpenedDevice {
    private static final int CASES = 24;
    private static final int TAPS = 9;

    /** Share of the sum of sizes of the terms, without rounding to the storage type. */
    double tolerance() {
        return 1e-5;
    }

    /** Before all tests: what is skipped as a whole is no test that was given up. */
    @BeforeAll
    void requireSomethingThatAppends() {
        ConvolutionShape usual = new ConvolutionShape(2, 8, 8, 48, 12, 3, 1, 1, storage());
        assumeTrue(
                device.appendedMemory(usual).isPresent(),
                () -> device.name() + " has nothing that appends " + usual);
    }

    @Test
    void newFeaturesGoToTheirColumnsWithTheirStatistics() {
        forRandomCases(
                CASES,
                a -> {
                    Layer layer = new Layer(a, false);
                    a.upload();
                    layer.open();
                    layer.forward();
                    layer.expectColumns();
                    a.check();
                });
    }

    @Test
    void newFeaturesAreDroppedByTheirPositionInTheBatch() {
        forRandomCases(
                CASES / 2,
                a -> {
                    Layer layer = new Layer(a, true);
                    a.upload();
                    layer.open();
                    layer.forward();
                    layer.expectColumns();
                    a.check();
                });
    }

    /** Of the first images; the rows of the others stay as they are. */
    @Test
    void inferenceAppendsWithoutStatisticsAndWithoutScratch() {
        forRandomCases(
                CASES,
                a -> {
                    Layer layer = new Layer(a, Dropout.NONE, false);
                    int images = 1 + a.random.nextInt(layer.shape.images());
                    a.upload();
                    layer.open();
                    layer.expectColumns(layer.infer(images));
                    a.check();
                });
    }

    @Test
    void theGradientIsMadeAsItIsReadAndGoesToTheBottleneckAndTheWeights() {
        forRandomCases(
                CASES,
                a -> {
                    Layer layer = new Layer(a, a.random.nextInt(3) == 0);
                    Gradients gradients = new Gradients(layer);
                    a.upload();
                    layer.open();
                    gradients.run();
                    gradients.expect();
                    a.check();
                });
    }

    @Test
    void nothingRunsOnceTheArenaIsClosed() {
        forRandomCases(
                2,
                a -> {
                    Layer layer = new Layer(a, false);
                    Gradients gradients = new Gradients(layer);
                    a.upload();
                    layer.open();
                    gradients.run();
                    a.arena().close();
                    assertThrows(IllegalStateException.class, layer::forward);
                    assertThrows(IllegalStateException.class, gradients::run);
                });
    }

    /** As wide as DenseNet-161, or -121 in TF32, on devices that have kernels for that. */
    private ConvolutionShape shape(GuardedArena a) {
        boolean bfloat16 = storage().bytes() == 2;
        ConvolutionShape wide = shape(a, bfloat16 ? 192 : 128, bfloat16 ? 48 : 32);
        return device.appendedMemory(wide).isPresent()
                ? wide
                : shape(a, bfloat16 ? 128 : 64, bfloat16 ? 32 : 16);
    }

    private ConvolutionShape shape(GuardedArena a, int mostChannels, int mostNew) {
        return new ConvolutionShape(
                1 + a.random.nextInt(3),
                1 + a.random.nextInt(14),
                1 + a.random.nextInt(14),
                8 * (1 + a.random.nextInt(mostChannels / 8)),
                4 * (1 + a.random.nextInt(mostNew / 4)),
                3,
                1,
                1,
                storage());
    }

    /** A layer's 3x3 convolution with random operands. */
    private final class Layer {
        final GuardedArena a;
        final ConvolutionShape shape;
        final Dropout dropout;
        final int rows;
        final Matrix z;
        final Matrix affine;
        final Matrix weights;
        final Matrix columns;
        final Matrix partial;
        final Matrix packed;
        final ConvolutionMemory memory;
        AppendedConvolution convolution;

        Layer(GuardedArena a, boolean drops) {
            this(a, drops ? KernelsContract.dropout(a) : Dropout.NONE, true);
        }

        /**
         * @param trains false where nothing but inference runs, which has no scratch
         */
        Layer(GuardedArena a, Dropout dropout, boolean trains) {
            this.a = a;
            this.dropout = dropout;
            shape = shape(a);
            int channels = shape.inputChannels();
            int k = shape.outputChannels();
            memory = device.appendedMemory(shape).orElseThrow();
            rows = shape.images() * shape.height() * shape.width();
            affine = a.affine(channels);
            z = a.clearOfKink(a.alignedActivations(rows, channels), affine);
            weights = a.values(a.denseOutput(k, channels * TAPS), g -> g);
            int before = 2 * a.random.nextInt(9);
            Matrix block = a.alignedActivations(rows, before + k + a.random.nextInt(9));
            a.values(block, g -> Double.NaN);
            columns = block.columns(before, k);
            partial = a.output(2, k);
            packed = scratch(memory.packedWeights());
            if (trains) {
                a.scratch(memory.scratch());
            }
        }

        private Matrix scratch(long bytes) {
            Matrix m = a.denseOutput(1, Math.toIntExact(Math.ceilDiv(bytes, Float.BYTES)));
            a.anything(m);
            return m;
        }

        void open() {
            convolution = a.arena().appended(shape);
            convolution.packForward(0, weights, packed);
        }

        void forward() {
            convolution.forward(shape.images(), z, affine, packed, dropout, columns, partial);
        }

        /** The new columns of the first images. */
        Matrix infer(int images) {
            int some = images * shape.height() * shape.width();
            Matrix result = columns.rows(0, some);
            convolution.forward(images, z.rows(0, some), affine, packed, result);
            return result;
        }

        double weight(int n, int c, int tap) {
            return a.value(weights, n, c * TAPS + tap);
        }

        double factor(int row, int column) {
            return dropout.active() ? KernelsContract.factor(a, dropout, row, column, columns) : 1;
        }

        /** The row that a pixel's tap reads, or -1 outside of its image. */
        int neighbour(int row, int tap) {
            int x = row % shape.width() + tap % 3 - 1;
            int y = row / shape.width() % shape.height() + tap / 3 - 1;
            boolean inside = x >= 0 && x < shape.width() && y >= 0 && y < shape.height();
            return inside ? row + (tap / 3 - 1) * shape.width() + tap % 3 - 1 : -1;
        }

        void expectColumns() {
            expectColumns(columns);
            expectStatistics();
        }

        void expectColumns(Matrix some) {
            a.expect(
                    some,
                    tolerance(),
                    4, // T, W, and Y before and after it is dropped
                    (r, n, t) -> {
                        for (int tap = 0; tap < TAPS; tap++) {
                            int from = neighbour(r, tap);
                            if (from >= 0) {
                                for (int c = 0; c < z.columns(); c++) {
                                    a.addRelu(t, weight(n, c, tap), z, from, c, affine);
                                }
                            }
                        }
                        t.times(factor(r, n));
                    });
        }

        private void expectStatistics() {
            float[] stored = new float[rows * columns.columns()];
            a.arena().download(columns, stored, 0);
            a.expect(
                    partial,
                    1e-5,
                    (row, n, t) -> {
                        double mean = 0;
                        double size = 0;
                        for (int r = 0; r < rows; r++) {
                            mean += stored[r * columns.columns() + n] / (double) rows;
                            size += Math.abs(stored[r * columns.columns() + n]) / rows;
                        }
                        if (row == 0) {
                            t.add(mean, size);
                            return;
                        }
                        for (int r = 0; r < rows; r++) {
                            double d = stored[r * columns.columns() + n] - mean;
                            t.add(d * d, d * d + 1e-3 * size * size);
                        }
                    });
        }
    }

    /** The operands of a backward pass that are its own. */
    private final class Gradients {
        final Layer layer;
        final GuardedArena a;
        final Matrix block;
        final Matrix x;
        final Matrix correction;
        final Matrix statistics;
        final Matrix zStatistics;
        final Matrix result;
        final Matrix partial;
        final Matrix gradient;

        Gradients(Layer layer) {
            this.layer = layer;
            this.a = layer.a;
            int k = layer.shape.outputChannels();
            int channels = layer.shape.inputChannels();
            int before = 2 * a.random.nextInt(9);
            block = a.alignedActivations(layer.rows, before + k).columns(before, k);
            x = a.alignedActivations(layer.rows, before + k).columns(before, k);
            correction = a.normal(3, k);
            statistics = a.statistics(k);
            zStatistics = a.statistics(channels);
            result = a.values(a.alignedActivations(layer.rows, channels), g -> Double.NaN);
            partial = a.output(2, channels);
            gradient = a.values(a.denseOutput(k, channels * TAPS), g -> g);
        }

        void run() {
            layer.convolution.packBackward(0, layer.weights, layer.packed);
            layer.convolution.backward(
                    layer.shape.images(),
                    new AppendedGradient(
                            block,
                            x,
                            correction,
                            statistics,
                            layer.dropout,
                            layer.z,
                            layer.affine,
                            zStatistics,
                            layer.packed,
                            result,
                            gradient,
                            partial));
        }

        /** dY and the size of its terms. */
        private void add(Terms t, int row, int n, double factor, double size) {
            double drop = layer.factor(row, n);
            double product = a.value(correction, 0, n) * a.value(block, row, n);
            double constant = a.value(correction, 1, n);
            double slope = a.value(correction, 2, n);
            double value = a.value(x, row, n);
            double mean = a.value(statistics, 0, n);
            double dY = drop * (product + constant + slope * (value - mean));
            double terms =
                    Math.abs(product)
                            + Math.abs(constant)
                            + Math.abs(slope) * (Math.abs(value) + Math.abs(mean));
            t.add(factor * dY, size * Math.abs(drop) * terms);
        }

        void expect() {
            double roundings = storage().bytes() == 2 ? 3 * 0x1p-8 : 0;
            a.expect(
                    result,
                    tolerance() + roundings, // dY, W
                    (r, c, t) -> {
                        if (a.normalised(layer.z, r, c, layer.affine) <= 0) {
                            return;
                        }
                        for (int tap = 0; tap < TAPS; tap++) {
                            int from = layer.neighbour(r, TAPS - 1 - tap);
                            for (int n = 0; from >= 0 && n < x.columns(); n++) {
                                double w = layer.weight(n, c, tap);
                                add(t, from, n, w, Math.abs(w));
                            }
                        }
                    });
            a.expect(
                    gradient,
                    tolerance() + roundings, // dY, T
                    (n, column, t) -> {
                        int c = column / TAPS;
                        t.add(a.value(gradient, n, column));
                        for (int r = 0; r < layer.rows; r++) {
                            int from = layer.neighbour(r, column % TAPS);
                            double normalised =
                                    from < 0 ? 0 : a.normalised(layer.z, from, c, layer.affine);
                            if (normalised > 0) {
                                double size =
                                        Math.abs(
                                                        a.value(layer.z, from, c)
                                                                * a.value(layer.affine, 0, c))
                                                + Math.abs(a.value(layer.affine, 1, c));
                                add(t, r, n, normalised, size);
                            }
                        }
                    });
            float[] stored = new float[layer.rows * result.columns()];
            a.arena().download(result, stored, 0);
            a.expect(
                    partial,
                    1e-5,
                    (row, c, t) -> {
                        for (int r = 0; r < layer.rows; r++) {
                            double g = stored[r * result.columns() + c];
                            double z = a.value(layer.z, r, c);
                            double mean = a.value(zStatistics, 0, c);
                            t.add(
                                    row == 0 ? g : g * (z - mean),
                                    Math.abs(g) * (row == 0 ? 1 : Math.abs(z) + Math.abs(mean)));
                        }
                    });
        }
    }
}

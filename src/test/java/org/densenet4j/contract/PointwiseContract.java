package org.densenet4j.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseConvolution;
import org.densenet4j.backend.PointwiseGradient;
import org.densenet4j.backend.PointwiseMemory;
import org.densenet4j.backend.PointwiseShape;
import org.junit.jupiter.api.Test;

import java.util.Set;
import java.util.stream.Collectors;

/**
 * {@link PointwiseConvolution} against the sums that define it, over the column prefix of a feature
 * matrix whose later columns hold NaN.
 *
 * <p>An element may be off by {@value #TOLERANCE} of the sum of the absolute values of all terms
 * that it was made of, those of A and dZ included. Where activations are stored in bfloat16 a
 * device may store A, dZ and dA in between: for each of them on the way to a result it may be off
 * by another {@value #ROUNDING} of that sum, half of a last place.
 */
abstract class PointwiseContract extends OpenedDevice {
    private static final double TOLERANCE = 1e-5;
    private static final double ROUNDING = 0x1p-8;
    private static final int CASES = 32;

    // ---------------------------------------------------------------- forward

    @Test
    void theNormalisedPrefixIsMultiplied() {
        forRandomCases(
                CASES,
                a -> {
                    int rows = rows(a);
                    Layer layer = new Layer(a, rows, rows);
                    Matrix z = layer.result();
                    a.upload();
                    layer.open();
                    layer.forward(lane(a), 0, rows, z);
                    layer.expectResult(z);
                    a.check();
                });
    }

    @Test
    void chunksAreMultipliedOnAllLanesAndTheLastMayBeShorter() {
        forRandomCases(
                CASES / 2,
                a -> {
                    Layer layer = new Layer(a, rows(a), 1 + a.random.nextInt(100));
                    Matrix z = layer.result();
                    a.upload();
                    layer.open();
                    device.forEachChunk(
                            layer.chunks(),
                            (lane, chunk) ->
                                    layer.forward(lane, layer.first(chunk), layer.rows(chunk), z));
                    layer.expectResult(z);
                    a.check();
                });
    }

    /** With as many inputs as a group may read, or fewer, and on all lanes. */
    @Test
    void groupsReadInputsOfTheirOwnChoice() {
        forRandomCases(
                CASES,
                a -> {
                    int rows = rows(a);
                    PointwiseShape shape = inGroups(a, 1 + a.random.nextInt(100));
                    Layer layer = new Layer(a, rows, shape, true);
                    layer.keepInputsOfGroups();
                    Matrix z = layer.result();
                    a.upload();
                    layer.openForward();
                    device.forEachChunk(
                            layer.chunks(),
                            (lane, chunk) ->
                                    layer.forward(lane, layer.first(chunk), layer.rows(chunk), z));
                    layer.expectResult(z);
                    a.check();
                });
    }

    // ---------------------------------------------------------------- backward

    @Test
    void theGradientIsAddedToThatOfTheWeightsAndOfTheBlocksPrefix() {
        forRandomCases(
                CASES,
                a -> {
                    int rows = rows(a);
                    Layer layer = new Layer(a, rows, rows);
                    Gradients gradients = new Gradients(layer);
                    Matrix weightSum = gradients.ofWeights(1);
                    a.upload();
                    layer.open();
                    gradients.run(lane(a), 0, weightSum);
                    gradients.expectThoseOfInputs();
                    gradients.expectThatOfWeights(weightSum);
                    a.check();
                });
    }

    @Test
    void gradientsOfChunksOnAllLanesAddUp() {
        forRandomCases(
                CASES / 2,
                a -> {
                    Layer layer = new Layer(a, rows(a), 1 + a.random.nextInt(100));
                    Gradients gradients = new Gradients(layer);
                    Matrix total = gradients.ofWeights(1);
                    Matrix[] weightSums = new Matrix[device.lanes()];
                    for (int lane = 0; lane < weightSums.length; lane++) {
                        weightSums[lane] = gradients.ofWeights(0);
                        a.anything(weightSums[lane]);
                    }
                    a.upload();
                    layer.open();
                    device.forEachChunk(
                            layer.chunks(),
                            (lane, chunk) -> gradients.run(lane, chunk, weightSums[lane]));
                    for (Matrix sum : weightSums) {
                        a.kernels().add(sum, total);
                    }
                    gradients.expectThoseOfInputs();
                    gradients.expectThatOfWeights(total);
                    a.check();
                });
    }

    /** Layers of one shape lie in feature matrices of different widths. */
    @Test
    void oneConvolutionServesMatricesOfDifferentStrides() {
        forRandomCases(
                CASES / 4,
                a -> {
                    int rows = rows(a);
                    Layer one = new Layer(a, rows, rows);
                    Layer other = new Layer(a, rows, one.shape, true);
                    Matrix[] z = {one.result(), other.result()};
                    Gradients[] gradients = {new Gradients(one), new Gradients(other)};
                    Matrix[] sums = {gradients[0].ofWeights(1), gradients[1].ofWeights(1)};
                    a.upload();
                    one.open();
                    other.open(one.convolution);
                    for (int i = 0; i < 2; i++) {
                        gradients[i].layer.forward(0, 0, rows, z[i]);
                        gradients[i].run(0, 0, sums[i]);
                        gradients[i].layer.expectResult(z[i]);
                        gradients[i].expectThoseOfInputs();
                        gradients[i].expectThatOfWeights(sums[i]);
                    }
                    a.check();
                });
    }

    @Test
    void nothingPassesAReluWhoseInputIsExactlyZero() {
        forRandomCases(
                4,
                a -> {
                    int rows = rows(a);
                    Layer layer = new Layer(a, rows, shape(a, rows), false);
                    Gradients gradients = new Gradients(layer);
                    Matrix weightSum = gradients.ofWeights(1);
                    Matrix z = layer.result();
                    a.upload();
                    layer.open();
                    layer.forward(0, 0, rows, z);
                    gradients.run(0, 0, weightSum);
                    a.expect(z, 0, (r, c, t) -> t.add(0));
                    a.expect(gradients.partials, 0, (r, c, t) -> t.add(0));
                    a.check(); // and the gradients that are added to are what they were
                });
    }

    // ---------------------------------------------------------------- memory and life

    @Test
    void askingForMemoryAnswersTheSameAndFewerRowsNeedNoMore() {
        PointwiseShape shape = new PointwiseShape(192, 136, 48, storage(), aligned());
        PointwiseMemory memory = device.memory(shape);
        assertEquals(memory, device.memory(shape));
        for (int rows : new int[] {1, 63, 64, 191}) {
            PointwiseMemory fewer = device.memory(shape.withRows(rows));
            assertEquals(memory.packedWeights(), fewer.packedWeights());
            assertTrue(fewer.chunk() <= memory.chunk(), () -> rows + " rows: " + fewer);
        }
    }

    @Test
    void nothingRunsOnceTheArenaIsClosed() {
        forRandomCases(
                2,
                a -> {
                    int rows = 2 + a.random.nextInt(100);
                    Layer layer = new Layer(a, rows, rows);
                    Matrix z = layer.result();
                    Gradients gradients = new Gradients(layer);
                    Matrix weightSum = gradients.ofWeights(1);
                    a.upload();
                    layer.open();
                    layer.forward(0, 0, rows, z);
                    gradients.run(0, 0, weightSum);
                    a.arena().close();
                    // As many rows as before, and fewer, which a device may have to prepare for.
                    for (int count : new int[] {rows, rows - 1}) {
                        assertThrows(
                                IllegalStateException.class, () -> layer.forward(0, 0, count, z));
                        PointwiseGradient g = gradients.of(0, count, weightSum, gradients.partials);
                        assertThrows(
                                IllegalStateException.class,
                                () -> layer.convolution.backward(0, g, layer.scratch[0]));
                    }
                });
    }

    // ---------------------------------------------------------------- shapes

    /** Whole tiles of rows now and then, otherwise any number, often few. */
    private static int rows(GuardedArena a) {
        return switch (a.random.nextInt(4)) {
            case 0 -> 64 * (1 + a.random.nextInt(3));
            case 1 -> 1 + a.random.nextInt(10);
            default -> 1 + a.random.nextInt(200);
        };
    }

    /**
     * Whether rows of activations start on 16 bytes, and shapes are those that devices have kernels
     * for which need it.
     */
    boolean aligned() {
        return false;
    }

    private Matrix activations(GuardedArena a, int rows, int columns) {
        return aligned() ? a.alignedActivations(rows, columns) : a.activations(rows, columns);
    }

    private int inputs(GuardedArena a) {
        return aligned() ? 2 * (1 + a.random.nextInt(120)) : anyInputs(a);
    }

    private static int anyInputs(GuardedArena a) {
        return a.random.nextInt(4) == 0
                ? 16 * (1 + a.random.nextInt(12))
                : 1 + a.random.nextInt(200);
    }

    private int outputs(GuardedArena a) {
        return aligned() ? 8 * (1 + a.random.nextInt(24)) : anyOutputs(a);
    }

    private static int anyOutputs(GuardedArena a) {
        return switch (a.random.nextInt(4)) {
            case 0 -> 64 * (1 + a.random.nextInt(3));
            case 1 -> 16 * (1 + a.random.nextInt(9));
            default -> 1 + a.random.nextInt(140);
        };
    }

    private PointwiseShape shape(GuardedArena a, int rows) {
        return new PointwiseShape(rows, inputs(a), outputs(a), storage(), aligned());
    }

    private PointwiseShape inGroups(GuardedArena a, int rows) {
        int groups = 1 << a.random.nextInt(5);
        int outputs = groups * (aligned() ? 8 : 1 + a.random.nextInt(40));
        int inputs = 1 + inputs(a);
        int ofGroup = 1 + a.random.nextInt(inputs - 1);
        return new PointwiseShape(rows, inputs, outputs, storage(), aligned())
                .inGroups(groups, ofGroup);
    }

    private int lane(GuardedArena a) {
        return a.random.nextInt(device.lanes());
    }

    /** Share of the sum of sizes of the terms, without rounding to the storage type. */
    double tolerance() {
        return TOLERANCE;
    }

    private double tolerance(int roundings) {
        return storage() == DataType.FLOAT32
                ? tolerance()
                : tolerance() + Math.pow(1 + ROUNDING, roundings) - 1;
    }

    // ---------------------------------------------------------------- operands and reference

    /** Values and the sizes of the terms that they are sums of. */
    private record Values(double[][] of, double[][] sizes) {
        Values(int rows, int columns) {
            this(new double[rows][columns], new double[rows][columns]);
        }

        void set(int row, int column, double value, double size) {
            of[row][column] = value;
            sizes[row][column] = size;
        }

        void addTo(Terms t, int row, int column, double factor, double factorSize) {
            t.add(factor * of[row][column], factorSize * sizes[row][column]);
        }
    }

    /** What both passes read, and the memory that they work in. */
    private final class Layer {
        final GuardedArena a;
        final PointwiseShape shape;
        final Matrix x;
        final Matrix affine;
        final Matrix weight;
        final Matrix packedForward;
        final Matrix packedBackward;
        final Matrix[] scratch;
        PointwiseConvolution convolution;
        private Matrix forwardWeights;
        private Matrix backwardWeights;

        Layer(GuardedArena a, int rows, int most) {
            this(a, rows, shape(a, Math.min(rows, most)), true);
        }

        /**
         * @param shape of a chunk
         * @param clear of the kink, where rounding decides what passes; otherwise exactly there
         */
        Layer(GuardedArena a, int rows, PointwiseShape shape, boolean clear) {
            this.a = a;
            this.shape = shape;
            int inputs = shape.inputChannels();
            int later = a.random.nextInt(3) == 0 ? 0 : 1 + a.random.nextInt(40);
            Matrix features = activations(a, rows, inputs + later);
            x = features.prefix(inputs);
            a.values(features.columns(inputs, later), g -> Float.NaN);
            affine = clear ? a.affine(inputs) : a.values(a.output(2, inputs), g -> 0);
            if (clear) {
                a.clearOfKink(x, affine);
            }
            weight = a.values(a.denseActivationOutput(shape.outputChannels(), inputs), g -> g);
            PointwiseMemory memory = device.memory(shape);
            a.scratch(memory.scratch());
            packedForward = scratch(memory.packedWeights());
            packedBackward = scratch(memory.packedWeights());
            scratch = new Matrix[device.lanes()];
            for (int lane = 0; lane < scratch.length; lane++) {
                scratch[lane] = scratch(memory.chunk());
            }
            for (int chunk = 0; chunk < chunks(); chunk++) {
                a.scratch(device.memory(shape.withRows(rows(chunk))).scratch());
            }
        }

        /** Clears the weights of all inputs that a group does not read. */
        void keepInputsOfGroups() {
            for (int group = 0; group < shape.groups(); group++) {
                int most = shape.groupInputs();
                int fewer = a.random.nextInt(4) == 0 ? 1 + a.random.nextInt(most) : most;
                Set<Integer> own =
                        a.random
                                .ints(0, shape.inputChannels())
                                .distinct()
                                .limit(fewer)
                                .boxed()
                                .collect(Collectors.toSet());
                for (int o = 0; o < shape.groupOutputs(); o++) {
                    for (int i = 0; i < shape.inputChannels(); i++) {
                        if (!own.contains(i)) {
                            a.set(weight, group * shape.groupOutputs() + o, i, 0);
                        }
                    }
                }
            }
        }

        private Matrix scratch(long bytes) {
            int floats = Math.max(1, Math.toIntExact(Math.ceilDiv(bytes, Float.BYTES)));
            Matrix matrix = a.denseOutput(1, floats);
            a.anything(matrix);
            return matrix;
        }

        Matrix result() {
            return a.denseActivationOutput(x.rows(), shape.outputChannels());
        }

        int chunks() {
            return Math.ceilDiv(x.rows(), shape.rows());
        }

        int first(int chunk) {
            return chunk * shape.rows();
        }

        int rows(int chunk) {
            return Math.min(shape.rows(), x.rows() - first(chunk));
        }

        void open() {
            open(a.arena().pointwise(shape));
        }

        /** For inference alone. */
        void openForward() {
            convolution = a.arena().pointwise(shape);
            forwardWeights = convolution.packForward(0, weight, packedForward);
        }

        void open(PointwiseConvolution ofThisShape) {
            convolution = ofThisShape;
            forwardWeights = convolution.packForward(0, weight, packedForward);
            backwardWeights = convolution.packBackward(0, weight, packedBackward);
        }

        void forward(int lane, int first, int count, Matrix z) {
            convolution.forward(
                    lane,
                    x.rows(first, count),
                    affine,
                    forwardWeights,
                    scratch[lane],
                    z.rows(first, count));
        }

        /** A and the sizes of the terms that it is made of. */
        Values normalised() {
            Values v = new Values(x.rows(), x.columns());
            for (int r = 0; r < x.rows(); r++) {
                for (int c = 0; c < x.columns(); c++) {
                    Terms t = new Terms();
                    a.addRelu(t, 1, x, r, c, affine);
                    v.set(r, c, t.sum(), t.magnitude());
                }
            }
            return v;
        }

        void expectResult(Matrix z) {
            Values normalised = normalised();
            a.expect(
                    z,
                    tolerance(),
                    2, // A and Z
                    (r, n, t) -> {
                        for (int k = 0; k < x.columns(); k++) {
                            double w = a.value(weight, n, k);
                            normalised.addTo(t, r, k, w, Math.abs(w));
                        }
                    });
        }
    }

    /** The operands of a backward pass that are its own. */
    private final class Gradients {
        final Layer layer;
        final GuardedArena a;
        final Matrix result;
        final Matrix z;
        final Matrix correction;
        final Matrix zStatistics;
        final Matrix statistics;
        final Matrix factor;
        final Matrix block;
        final Matrix partials;

        Gradients(Layer layer) {
            this.layer = layer;
            this.a = layer.a;
            int rows = layer.x.rows();
            int inputs = layer.shape.inputChannels();
            int outputs = layer.shape.outputChannels();
            result = activations(a, rows, outputs);
            z = activations(a, rows, outputs);
            correction = a.normal(3, outputs);
            zStatistics = a.statistics(outputs);
            statistics = a.statistics(inputs);
            factor = a.normal(1, inputs);
            block = activations(a, rows, inputs + a.random.nextInt(40)).prefix(inputs);
            partials = a.output(2 * layer.chunks(), inputs);
        }

        /** A gradient of the weights that holds normal values of some size. */
        Matrix ofWeights(double size) {
            int outputs = layer.shape.outputChannels();
            return a.values(a.denseOutput(outputs, layer.shape.inputChannels()), g -> size * g);
        }

        void run(int lane, int chunk, Matrix weightSum) {
            PointwiseGradient g =
                    of(
                            layer.first(chunk),
                            layer.rows(chunk),
                            weightSum,
                            partials.rows(2 * chunk, 2));
            layer.convolution.backward(lane, g, layer.scratch[lane]);
        }

        PointwiseGradient of(int first, int rows, Matrix weightSum, Matrix partial) {
            return new PointwiseGradient(
                    result.rows(first, rows),
                    z.rows(first, rows),
                    correction,
                    zStatistics,
                    layer.x.rows(first, rows),
                    layer.affine,
                    statistics,
                    factor,
                    layer.backwardWeights,
                    weightSum,
                    block.rows(first, rows),
                    partial);
        }

        /** dZ. */
        private Values finished() {
            Values v = new Values(z.rows(), z.columns());
            for (int r = 0; r < z.rows(); r++) {
                for (int n = 0; n < z.columns(); n++) {
                    double product = a.value(correction, 0, n) * a.value(result, r, n);
                    double constant = a.value(correction, 1, n);
                    double slope = a.value(correction, 2, n);
                    double value = a.value(z, r, n);
                    double mean = a.value(zStatistics, 0, n);
                    v.set(
                            r,
                            n,
                            product + constant + slope * (value - mean),
                            Math.abs(product)
                                    + Math.abs(constant)
                                    + Math.abs(slope) * (Math.abs(value) + Math.abs(mean)));
                }
            }
            return v;
        }

        /** g: dA where A is positive. */
        private Values masked() {
            Values finished = finished();
            Matrix x = layer.x;
            Values v = new Values(x.rows(), x.columns());
            for (int r = 0; r < x.rows(); r++) {
                for (int k = 0; k < x.columns(); k++) {
                    if (a.normalised(x, r, k, layer.affine) > 0) {
                        Terms t = new Terms();
                        for (int n = 0; n < z.columns(); n++) {
                            double w = a.value(layer.weight, n, k);
                            finished.addTo(t, r, n, w, Math.abs(w));
                        }
                        v.set(r, k, t.sum(), t.magnitude());
                    }
                }
            }
            return v;
        }

        void expectThoseOfInputs() {
            Values g = masked();
            Matrix x = layer.x;
            a.expect(
                    block,
                    tolerance(),
                    3, // dZ, dA and the sum
                    (r, k, t) -> {
                        double share = a.value(factor, 0, k);
                        t.add(a.value(block, r, k));
                        g.addTo(t, r, k, share, Math.abs(share));
                    });
            a.expect(
                    partials,
                    tolerance(2), // dZ and dA
                    (row, k, t) -> {
                        double mean = a.value(statistics, 0, k);
                        int first = layer.first(row / 2);
                        for (int r = first; r < first + layer.rows(row / 2); r++) {
                            double value = a.value(x, r, k);
                            if (row % 2 == 0) {
                                g.addTo(t, r, k, 1, 1);
                            } else {
                                g.addTo(t, r, k, value - mean, Math.abs(value) + Math.abs(mean));
                            }
                        }
                    });
        }

        void expectThatOfWeights(Matrix weightSum) {
            Values finished = finished();
            Values normalised = layer.normalised();
            a.expect(
                    weightSum,
                    tolerance(2), // dZ and A
                    (n, k, t) -> {
                        t.add(a.value(weightSum, n, k));
                        for (int r = 0; r < z.rows(); r++) {
                            finished.addTo(t, r, n, normalised.of[r][k], normalised.sizes[r][k]);
                        }
                    });
        }
    }
}

package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.densenet4j.backend.AdamCoefficients;
import org.densenet4j.backend.DepthwiseShape;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.OutputLoss;
import org.densenet4j.backend.PoolShape;
import org.densenet4j.backend.RmspropCoefficients;
import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.List;

/** Bytes and FLOPs against sums by hand. */
class TrafficTest {
    private static final int ROWS = 12;
    private static final int CHANNELS = 8;
    private static final long MATRIX = 4L * ROWS * CHANNELS;
    private static final long VECTOR = 4L * CHANNELS;

    /** One block: then there is one row tile of two sums. */
    private static final int BLOCKS = 1;

    private static final long TILES = 2 * VECTOR;

    private record Launch(String kernel, Traffic traffic) {}

    private final List<Launch> launches = new ArrayList<>();
    private final CudaKernels kernels =
            new CudaKernels(
                    this::note,
                    new SmallOperations(this::note, new GatheredLaunch(), false),
                    0,
                    0,
                    BLOCKS);

    /** Rows lie apart, as those of a prefix do: what is between them is not moved. */
    private final Matrix x = Matrix.strided(0, ROWS, CHANNELS, 64);

    private final Matrix y = Matrix.dense(4096, ROWS, CHANNELS);
    private final Matrix affine = Matrix.dense(8192, 2, CHANNELS);
    private final Matrix statistics = Matrix.dense(8192, 3, CHANNELS);
    private final Matrix vector = Matrix.vector(8192, CHANNELS);

    /** Of small operations, each launched by itself, with the operation's name. */
    private void note(String kernel, Grid grid, Traffic traffic, Object... arguments) {
        boolean small = arguments[0] instanceof SmallOperationList;
        launches.add(new Launch(small ? arguments[0].toString() : kernel, traffic));
    }

    private void assertLaunches(Object... kernelsAndBytes) {
        List<Object> seen = new ArrayList<>();
        for (Launch l : launches) {
            seen.add(l.kernel);
            seen.add(l.traffic.bytes());
            assertEquals(0, l.traffic.flops(), "element-wise arithmetic is not counted");
        }
        assertEquals(List.of(kernelsAndBytes), seen);
        launches.clear();
    }

    @Test
    void aPassReadsAndWritesEachOperandOnce() {
        kernels.normaliseRelu(x, affine, y);
        assertLaunches("normalise_relu_v4", 2 * MATRIX + 2 * VECTOR);
        kernels.appendFeatures(y, x, 0, Dropout.NONE, affine);
        assertLaunches(
                "append_features_v4", 2 * MATRIX + TILES, "combine_statistics", TILES + 2 * VECTOR);
        kernels.copy(x, y);
        assertLaunches("copy_floats", 2 * MATRIX);
        kernels.fill(y, 0);
        assertLaunches("fill_floats", MATRIX);
    }

    @Test
    void whatIsChangedInPlaceCountsTwice() {
        kernels.add(x, y);
        assertLaunches("add_floats", 3 * MATRIX);
        kernels.maskRelu(y, x, affine, statistics, affine);
        // The gradient twice, x; scale, shift and mean; the sums of the tile.
        assertLaunches(
                "mask_relu_v4",
                3 * MATRIX + 3 * VECTOR + TILES,
                "combine_sums",
                TILES + 2 * VECTOR);
        kernels.addBias(y, vector);
        assertLaunches("add_bias_v4", 2 * MATRIX + VECTOR);
    }

    @Test
    void addingReadsWhatOverwritingDoesNot() {
        for (boolean add : new boolean[] {false, true}) {
            kernels.accumulateGradient(y, x, affine, statistics, vector, add, x, affine);
            assertLaunches(
                    "accumulate_gradient_v4",
                    (add ? 4 : 3) * MATRIX + 4 * VECTOR + TILES,
                    "combine_sums",
                    TILES + 2 * VECTOR);
            Matrix pooled = Matrix.dense(4096, 1, CHANNELS);
            kernels.accumulateGradientGlobalPool(
                    pooled, x, 1, x.rows(), affine, statistics, vector, add, y, affine);
            assertLaunches(
                    "accumulate_gradient_global_pool_v4",
                    (add ? 3 : 2) * MATRIX + 5 * VECTOR + TILES,
                    "combine_sums",
                    TILES + 2 * VECTOR);
            kernels.applyCorrection(y, x, statistics, statistics, add, y);
            assertLaunches("apply_correction_v4", (add ? 4 : 3) * MATRIX + 4 * VECTOR);
            kernels.deferSums(affine, vector, add, affine);
            assertLaunches("defer_sums", (add ? 7 : 5) * VECTOR);
        }
    }

    @Test
    void aPoolReadsItsInputOnceAndWritesAQuarter() {
        Matrix pooled = Matrix.dense(4096, 3, CHANNELS);
        kernels.normaliseReluAveragePool(x, 1, 4, 3, affine, pooled);
        assertLaunches("normalise_relu_average_pool_v4", MATRIX + MATRIX / 4 + 2 * VECTOR);
        kernels.maxPoolBackward(pooled, x, 1, 4, 3, affine, y);
        assertLaunches("max_pool_backward_v4", 2 * MATRIX + MATRIX / 4 + 2 * VECTOR);
    }

    @Test
    void aPoolWithoutNormalisationMovesItsInputAndItsOutputOnce() {
        Matrix pooled = Matrix.dense(4096, 3, CHANNELS);
        PoolShape shape = new PoolShape(4, 3, 2, 2, 2, 0, false);
        kernels.maxPool(x, 1, shape, pooled);
        kernels.averagePool(x, 1, shape, pooled);
        kernels.averagePool(x, 1, PoolShape.global(4, 3), pooled.row(0));
        assertLaunches(
                "max_pool_v4",
                MATRIX + MATRIX / 4,
                "average_pool_v4",
                MATRIX + MATRIX / 4,
                "global_average_pool_v4",
                MATRIX + VECTOR);
        kernels.maxPoolGradient(pooled, x, 1, shape, y);
        kernels.averagePoolGradient(pooled, 1, shape, y);
        assertLaunches(
                "max_pool_gradient_v4",
                2 * MATRIX + MATRIX / 4,
                "average_pool_gradient_v4",
                MATRIX + MATRIX / 4);
        Matrix blurred = Matrix.dense(4096, 4, CHANNELS);
        kernels.blurPool(x, 1, 4, 3, blurred);
        kernels.blurPoolGradient(blurred, 1, 4, 3, y);
        assertLaunches(
                "blur_pool_v4", MATRIX + MATRIX / 3, "blur_pool_gradient_v4", MATRIX + MATRIX / 3);
    }

    @Test
    void aResidualSumReadsBothAndWritesOne() {
        kernels.normalise(x, affine, y);
        assertLaunches("normalise_v4", 2 * MATRIX + 2 * VECTOR);
        kernels.addNormalised(x, affine, y, true, y);
        assertLaunches("add_normalised_v4", 3 * MATRIX + 2 * VECTOR);
        kernels.maskPositive(y, x);
        assertLaunches("mask_positive_v4", 3 * MATRIX);
        for (boolean add : new boolean[] {false, true}) {
            kernels.accumulateGradientOfNormalised(y, x, statistics, vector, add, x, affine);
            assertLaunches(
                    "accumulate_gradient_of_normalised_v4",
                    (add ? 4 : 3) * MATRIX + 2 * VECTOR + TILES,
                    "combine_sums",
                    TILES + 2 * VECTOR);
        }
    }

    @Test
    void aLossOfPixelsReadsAndWritesTheirLogitsAndTallies() {
        Matrix tally = Matrix.vector(8192, 1 + 3 * CHANNELS);
        kernels.pixelCrossEntropy(x, 0, 255, Matrix.vector(0, 1), y, tally);
        // Twelve labels and the scale; 32 groups of eight lanes in the one block.
        assertLaunches(
                "pixel_cross_entropy",
                2 * MATRIX + 13 * 4 + 32 * tally.bytes(),
                "combine_rows",
                33 * tally.bytes());
    }

    @Test
    void lossesOfVectorsReadTheirTargetsAndFactors() {
        Matrix losses = Matrix.vector(8192, 12);
        kernels.softmaxVectorLoss(x, x, vector, 0, 0, losses, losses, y);
        assertLaunches("softmax_vector_loss", 3 * MATRIX + VECTOR + 2 * 12 * 4);
        OutputLoss squared = new OutputLoss(OutputLoss.Kind.SQUARED, 0, 0, -1, 1);
        kernels.outputLoss(squared, x, x, Matrix.dense(0, 2, CHANNELS), losses, losses, y);
        assertLaunches("output_loss", 3 * MATRIX + VECTOR + 2 * 12 * 4);
    }

    @Test
    void columnsOfManyRowsAreAddedUpByTiles() {
        kernels.addColumnSums(x, vector);
        assertLaunches("add_column_sums_v4", MATRIX + 2 * VECTOR);
        kernels.addColumnSums(Matrix.dense(16384, 1025, CHANNELS), vector);
        assertLaunches(
                "column_sums_v4", 1025 * VECTOR + VECTOR, "combine_rows", VECTOR + 2 * VECTOR);
    }

    @Test
    void aWindowReadsWhatIsInsideTheImage() {
        Matrix window = Matrix.dense(4096, 2 * 2, CHANNELS);
        kernels.copyWindow(x, 4, 3, window, 2, 2, 1, 1, 2); // two pixels, the others are outside
        assertLaunches("copy_window_v4", 2 * VECTOR + 4 * VECTOR);
        kernels.copyWindow(x, 4, 3, window, 2, 2, 1, 5, 0);
        assertLaunches("copy_window_v4", 4 * VECTOR);
    }

    @Test
    void aStepOfAnOptimiserReadsGradientsAndUpdatesTheRest() {
        Matrix p = Matrix.vector(0, 400);
        kernels.sgd(p, p, p, 0.1f, 0.9f, 1, true, 0, 1);
        assertLaunches("sgd_nesterov_v4", 5 * 1600L);
        RmspropCoefficients r = new RmspropCoefficients(0.1f, 0.9f, 1e-6f, true, 0.9f, 0, 1);
        kernels.rmsprop(p, p, p, null, null, r);
        assertLaunches("rmsprop_v4", 5 * 1600L);
        kernels.rmsprop(p, p, p, p, p, r);
        assertLaunches("rmsprop_v4", 9 * 1600L);
        AdamCoefficients a = new AdamCoefficients(1, 0.9f, 0.1f, 0.9f, 0.1f, 1, 1, 0, 1, 1);
        kernels.adam(p, p, p, p, null, a);
        assertLaunches("adam_v4", 7 * 1600L);
        kernels.adam(p, p, p, p, p, a);
        assertLaunches("adam_v4", 9 * 1600L);
        kernels.movingAverage(p, p, 0.1f);
        assertLaunches("moving_average_v4", 3 * 1600L);
        kernels.multiply(p, p);
        assertLaunches("multiply_v4", 3 * 1600L);
        kernels.addGroupLasso(p.reshaped(20, 20), 4, 0.1f, p.reshaped(20, 20));
        assertLaunches("group_lasso", 4 * 1600L);
    }

    @Test
    void depthwiseLayersReadAndWriteEachOperandOnce() {
        DepthwiseShape shape = new DepthwiseShape(4, 3, 3);
        Matrix weights = Matrix.dense(0, 9, CHANNELS);
        kernels.depthwise(x, 1, shape, weights, vector, y);
        assertLaunches("depthwise_v4", 2 * MATRIX + 10 * VECTOR);
        kernels.depthwiseGradient(y, 1, shape, weights, true, x);
        assertLaunches("depthwise_gradient_v4", 3 * MATRIX + 9 * VECTOR);
        kernels.addDepthwiseWeightGradient(x, y, 1, shape, weights);
        assertLaunches("depthwise_weights_v4", 2 * MATRIX + 18 * VECTOR);
        kernels.transpose(weights, true, Matrix.dense(0, CHANNELS, 9));
        assertLaunches("transpose_rows", 27 * VECTOR);
        Matrix rows = Matrix.dense(8192, ROWS, 2);
        kernels.layerNorm(x, vector, vector, 1, rows, y);
        assertLaunches("layer_norm", 2 * MATRIX + 2 * VECTOR + rows.bytes());
        kernels.layerNormGradient(y, x, vector, rows, affine, y);
        assertLaunches(
                "layer_norm_sums_v4",
                2 * MATRIX + rows.bytes() + TILES,
                "combine_rows",
                TILES + 4 * VECTOR,
                "layer_norm_gradient",
                3 * MATRIX + VECTOR + rows.bytes());
        kernels.gelu(x, y);
        assertLaunches("gelu_v4", 2 * MATRIX);
        kernels.geluGradient(y, x, y);
        assertLaunches("gelu_gradient_v4", 3 * MATRIX);
        Matrix factor = Matrix.vector(8192, 1);
        kernels.dropPath(Dropout.NONE, 0, factor);
        assertLaunches("drop_path", 4L);
        kernels.scaleImages(x, vector, vector, factor, vector, y);
        assertLaunches("scale_images_v4", 2 * MATRIX + 3 * VECTOR + 4);
        kernels.imageProducts(x, y, vector);
        assertLaunches("image_products_v4", 2 * MATRIX + VECTOR);
        kernels.scaleGradient(vector, vector, vector, factor, vector);
        assertLaunches("scale_gradient", 5 * VECTOR + 4);
    }

    @Test
    void anL2NormReadsEachRowOnceForwardAndThreeTimesBackward() {
        Matrix inverses = Matrix.dense(8192, ROWS, 1);
        kernels.l2Norm(x, vector, 1, y);
        assertLaunches("l2_norm", 2 * MATRIX + VECTOR);
        kernels.l2NormGradient(y, x, vector, 1, inverses, vector, y);
        assertLaunches(
                "l2_norm_inverses",
                MATRIX + inverses.bytes(),
                "l2_norm_sums_v4",
                2 * MATRIX + inverses.bytes() + TILES / 2,
                "combine_rows",
                TILES / 2 + 2 * VECTOR,
                "l2_norm_gradient",
                3 * MATRIX + VECTOR + inverses.bytes());
    }

    @Test
    void aProductReadsItsOperandsAndItsResultWhereItAdds() {
        Matrix a = Matrix.strided(0, 5, 7, 16);
        Matrix b = Matrix.dense(0, 7, 3);
        Matrix c = Matrix.dense(0, 5, 3);
        for (boolean add : new boolean[] {false, true}) {
            Traffic t = Traffic.of(GemmShape.of(a, false, b, false, c, add), a, b, c);
            assertEquals(4 * (35 + 21 + (add ? 2 : 1) * 15), t.bytes());
            assertEquals(2 * 5 * 7 * 3, t.flops());
        }
    }

    @Test
    void weightsAreReadAndWrittenInTheirOtherLayout() {
        Matrix weights = Matrix.dense(0, 2, 27);
        kernels.packWeights(weights, 2, 3, 9, Matrix.vector(0, 54));
        assertLaunches("pack_weights", 2 * 4 * 54L);
        kernels.addUnpackedGradient(Matrix.vector(0, 64), 2, 3, 9, weights);
        assertLaunches("add_unpacked_gradient", 3 * 4 * 54L);
    }
}

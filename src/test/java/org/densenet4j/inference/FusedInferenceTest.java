package org.densenet4j.inference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.EmulatedDevice;
import org.densenet4j.engine.Mode;
import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Window;
import org.densenet4j.plan.BottleneckLayerInference;
import org.densenet4j.plan.InferencePlan;
import org.densenet4j.reference.RandomCase;
import org.densenet4j.reference.ReferenceNetwork;
import org.densenet4j.spec.CondenseNetSpec;
import org.densenet4j.spec.DenseNetSpec;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.List;

/**
 * Inference whose dense layers run by the fused kernels, emulated, against the reference in double
 * precision and against the same network by products and convolutions.
 */
class FusedInferenceTest {
    private static final int IMAGES = 3;
    private static final DeviceOptions HALVES =
            DeviceOptions.defaults().withPrecision(DataType.BFLOAT16);
    private static final DeviceOptions ROUNDING = DeviceOptions.defaults().withTensorFloat32(true);

    /** 8 bits of an activation. */
    private static final double BFLOAT16_TOLERANCE = 2e-2;

    /** 11 bits of an operand. */
    private static final double TENSOR_FLOAT32_TOLERANCE = 2e-3;

    private static DenseNetSpec.Builder spec(int growthRate) {
        return DenseNetSpec.builder()
                .growthRate(growthRate)
                .layersPerBlock(3, 2)
                .initialChannels(2 * growthRate)
                .bottleneckWidth(4)
                .compression(0.5)
                .classes(5)
                .inputSize(9, 14);
    }

    private static List<BottleneckLayerInference> layers(InferencePlan plan) {
        return plan.memory().nodes().stream()
                .filter(BottleneckLayerInference.class::isInstance)
                .map(BottleneckLayerInference.class::cast)
                .toList();
    }

    private static void assertAppends(InferencePlan plan, boolean... expected) {
        boolean[] appends = new boolean[layers(plan).size()];
        for (int i = 0; i < appends.length; i++) {
            appends[i] = layers(plan).get(i).appends();
        }
        assertArrayEquals(expected, appends);
    }

    /** Logits of all images; the last pass may have fewer than the others. */
    private static float[] logits(
            RandomCase c, int batch, DeviceOptions options, boolean... appends) throws IOException {
        try (Device device = new EmulatedDevice(options)) {
            InferencePlan plan = InferencePlan.of(c.spec).batch(batch).on(device);
            assertAppends(plan, appends);
            try (InferenceNetwork network = InferenceNetwork.open(plan, device, c::values)) {
                assertEquals(plan.peakBytes(), network.allocatedBytes());
                float[] logits = new float[IMAGES * network.logitsPerImage()];
                for (int first = 0; first < IMAGES; first += batch) {
                    int count = Math.min(batch, IMAGES - first);
                    network.forward(c.pixels, first, count);
                    network.logits(count, logits, first * network.logitsPerImage());
                }
                return logits;
            }
        }
    }

    private static double distance(double[] expected, float[] found) {
        double error = 0;
        double norm = 0;
        for (int i = 0; i < found.length; i++) {
            error += Math.pow(expected[i] - found[i], 2);
            norm += Math.pow(expected[i], 2);
        }
        return Math.sqrt(error / norm);
    }

    private static void check(NetworkSpec spec, DeviceOptions options, boolean... appends)
            throws IOException {
        check(spec, 2, options, appends);
    }

    private static void check(
            NetworkSpec spec, int batch, DeviceOptions options, boolean... appends)
            throws IOException {
        boolean halves = options.precision() == DataType.BFLOAT16;
        double tolerance = halves ? BFLOAT16_TOLERANCE : TENSOR_FLOAT32_TOLERANCE;
        RandomCase c = RandomCase.of(spec, IMAGES, 45).withoutKinks();
        double[] expected =
                c.reference()
                        .forward(c.pixelsAsDoubles(), Mode.EVALUATE, ReferenceNetwork.Dropout.NONE);
        float[] fused = logits(c, batch, options, appends);
        double error = distance(expected, fused);
        assertTrue(error <= tolerance, c + ": " + error + " from the reference");
        float[] composed =
                logits(c, batch, options.withFusedLayers(false), new boolean[appends.length]);
        double[] others = new double[composed.length];
        for (int i = 0; i < others.length; i++) {
            others[i] = composed[i];
        }
        double between = distance(others, fused);
        assertTrue(between <= tolerance, c + ": " + between + " from products and convolutions");
    }

    @Test
    void denseLayersAreCloseToTheReferenceInBFloat16() throws IOException {
        for (int growthRate : new int[] {4, 12, 32}) {
            check(spec(growthRate).build(), HALVES, true, true, true, true, true);
        }
    }

    @Test
    void theyAreCloserInTensorFloat32() throws IOException {
        check(spec(12).build(), ROUNDING, true, true, true, true, true);
        check(spec(32).build(), ROUNDING, true, true, true, true, true);
        // Of 30 new channels, no multiple of four, the 1x1 half alone is fused.
        DenseNetSpec halves = spec(30).compression(1).build();
        check(halves, ROUNDING, false, false, false, false, false);
        try (Device device = new EmulatedDevice(ROUNDING)) {
            InferencePlan plan = InferencePlan.of(halves).on(device);
            assertTrue(layers(plan).stream().allMatch(m -> device.takesWholeBatch(m.pointwise())));
        }
    }

    @Test
    void nothingIsDropped() throws IOException {
        check(spec(12).dropout(0.4).build(), HALVES, true, true, true, true, true);
    }

    /**
     * Behind an odd number of columns the 3x3 half is not fused, nor the 1x1 half that reads them.
     */
    @Test
    void oddNumbersOfColumnsAreLeftToTheLibraries() throws IOException {
        DenseNetSpec odd = spec(12).layersPerBlock(2, 1).initialChannels(13).build();
        check(odd, HALVES, false, false, true);
    }

    private static Graph batchStatistics() {
        Graph.Builder graph = Graph.builder("statistics", 7, 9, 3);
        graph.evaluatesWithBatchStatistics(true);
        Features x = new Features("x", 7, 9, 36);
        graph.add(
                new ConvolutionLayer(
                        "stem",
                        Read.raw(graph.input().all()),
                        Window.THREE,
                        "stem",
                        false,
                        Drops.NOTHING,
                        x.columns(0, 20)));
        Norm norm1 = new Norm("norm1", 1e-5, 0.1);
        Norm norm2 = new Norm("norm2", 1e-5, 0.1);
        graph.add(
                new BottleneckLayer(
                        "layer",
                        Read.normalisedRelu(norm1, x.columns(0, 20)),
                        64,
                        "conv1",
                        norm2,
                        "conv2",
                        Drops.NOTHING,
                        x.columns(20, 16)));
        Norm last = new Norm("norm3", 1e-5, 0.1);
        graph.add(new Classifier("head", Read.normalisedRelu(last, x.all()), "fc", 4));
        return graph.build();
    }

    @Test
    void statisticsOfTheBatchAreTakenOfWhatIsAppended() throws IOException {
        check(batchStatistics(), IMAGES, HALVES, true);
    }

    @Test
    void groupsOfInputsAndOfOutputsAreFusedToo() throws IOException {
        CondenseNetSpec condense =
                CondenseNetSpec.builder()
                        .layersPerBlock(3, 2)
                        .growthRates(8, 16)
                        .groups(4)
                        .condensationFactor(4)
                        .inputSize(12, 10)
                        .classes(7)
                        .build();
        check(condense, HALVES, true, true, true, true, true);
    }

    @Test
    void everyNumberOfImagesIsOneSequence() throws IOException {
        RandomCase c = RandomCase.of(spec(4).build(), IMAGES, 3);
        try (EmulatedDevice device = new EmulatedDevice(HALVES)) {
            InferencePlan plan = InferencePlan.of(c.spec).batch(IMAGES).on(device);
            try (InferenceNetwork network = InferenceNetwork.open(plan, device, c::values)) {
                for (int pass = 0; pass < 3; pass++) {
                    network.forward(c.pixels, 0, 1);
                    network.forward(c.pixels, 0, IMAGES);
                }
            }
            assertEquals(2, device.sequences());
        }
    }
}

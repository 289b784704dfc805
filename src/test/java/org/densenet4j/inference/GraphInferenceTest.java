package org.densenet4j.inference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.CpuIsa;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.EmulatedDevice;
import org.densenet4j.engine.Mode;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.Pass;
import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Window;
import org.densenet4j.plan.BandedConvolutionLayerInference;
import org.densenet4j.plan.BandedPooledConvolutionInference;
import org.densenet4j.plan.BandedTransitionUpInference;
import org.densenet4j.plan.InferencePlan;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.NodeInference;
import org.densenet4j.plan.TransitionDownInference;
import org.densenet4j.plan.TransitionInference;
import org.densenet4j.reference.RandomCase;
import org.densenet4j.reference.RandomDetectors;
import org.densenet4j.reference.RandomGraph;
import org.densenet4j.reference.RandomMixers;
import org.densenet4j.reference.RandomScales;
import org.densenet4j.reference.ReferenceNetwork;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.FcDenseNetSpec;
import org.densenet4j.spec.ResNetSpec;
import org.densenet4j.spec.Stem;
import org.densenet4j.testing.TinyCache;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.util.List;

/**
 * Inference on networks that are no plain DenseNets: every kind of node, against the reference in
 * double precision.
 */
class GraphInferenceTest {
    /** Largest difference in the Euclidean norm, relative; single against double precision. */
    private static final double TOLERANCE = 1e-4;

    /** With 8 bits per activation and no ReLU that flips. */
    private static final double BFLOAT16_TOLERANCE = 2e-2;

    private static final int GRAPHS = 16;

    @ParameterizedTest
    @ValueSource(strings = {"machine code", "vectors", "plain loops"})
    void randomGraphsAgreeWithTheReference(String kernels) throws IOException {
        for (long seed = 1; seed <= GRAPHS; seed++) {
            try (Device device = cpu(kernels, 1 + (int) seed % 3)) {
                check(RandomCase.of(RandomGraph.of(seed, 0), 1 + (int) seed % 4, seed), device);
                check(RandomCase.of(RandomScales.of(seed, 0), 1 + (int) seed % 4, seed), device);
            }
        }
    }

    private static Device cpu(String kernels, int threads) {
        DeviceOptions options =
                DeviceOptions.defaults()
                        .withThreads(threads)
                        .withIsa(kernels.equals("machine code") ? CpuIsa.BEST : CpuIsa.NONE)
                        .withVectorApi(!kernels.equals("plain loops"));
        return Device.open("cpu", options);
    }

    @Test
    void theyDoInBFloat16() throws IOException {
        DeviceOptions halves =
                DeviceOptions.defaults().withThreads(2).withPrecision(DataType.BFLOAT16);
        try (Device device = Device.open("cpu", halves)) {
            assumeTrue(device.supports(DataType.BFLOAT16), device.description());
            for (long seed = 1; seed <= GRAPHS; seed++) {
                NetworkSpec spec =
                        seed % 2 == 0
                                ? RandomGraph.of(seed, 0)
                                : RandomGraph.ofBatchStatistics(12, seed);
                check(RandomCase.of(spec, 3, seed).withoutKinks(), device);
            }
        }
    }

    @Test
    void theyDoOnEmulatedCudaKernels() throws IOException {
        try (Device device = new EmulatedDevice(DeviceOptions.defaults())) {
            for (long seed = 1; seed <= 3; seed++) {
                check(RandomCase.of(RandomGraph.of(seed, 0), 2, seed), device);
                check(RandomCase.of(RandomScales.of(seed, 0), 2, seed), device);
                check(RandomCase.of(RandomGraph.ofBatchStatistics(9, seed), 2, seed), device);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"machine code", "vectors", "plain loops"})
    void statisticsOfTheBatchAreThoseOfTheImagesAtHand(String kernels) throws IOException {
        for (long seed = 1; seed <= GRAPHS; seed++) {
            RandomCase c =
                    RandomCase.of(
                            RandomGraph.ofBatchStatistics(9 + (int) seed % 5, seed),
                            1 + (int) seed % 4,
                            seed);
            try (Device device = cpu(kernels, 1 + (int) seed % 3)) {
                float[] found = check(c, device);
                assertArrayEquals(trained(c, device), found, 1e-4f * largest(found), c.toString());
            }
        }
    }

    private static float largest(float[] values) {
        float largest = 0;
        for (float v : values) {
            largest = Math.max(largest, Math.abs(v));
        }
        return largest;
    }

    /** What the training engine computes in evaluation. */
    private static float[] trained(RandomCase c, Device device) {
        MemoryPlan plan = MemoryPlan.of(c.spec).batch(c.images).on(device);
        try (Network network = Network.open(plan, device, 0)) {
            c.load(network);
            network.input(c.pixels, c.images);
            network.forward(new Pass(c.images, Mode.EVALUATE, 0, 0));
            return network.logits(c.images);
        }
    }

    /** On a device whose cache holds next to nothing, so that images are cut into bands. */
    @Test
    void bandsOfRowsGiveWhatWholeImagesGive() throws IOException {
        long banded = 0;
        try (Device device = Device.open("cpu", TinyCache.OPTIONS)) {
            for (long seed = 1; seed <= GRAPHS; seed++) {
                int height = 16 * (1 + (int) seed % 3);
                NetworkSpec spec =
                        seed % 2 == 0
                                ? RandomGraph.ofHeight(height, seed, 0)
                                : RandomGraph.ofBatchStatistics(height, seed);
                RandomCase c = RandomCase.of(spec, 1 + (int) seed % 3, seed);
                check(c, device);
                check(RandomCase.of(RandomScales.ofHeight(height, seed, 0), 2, seed), device);
                banded +=
                        InferencePlan.of(spec).on(device).memory().nodes().stream()
                                .filter(GraphInferenceTest::isBanded)
                                .count();
            }
        }
        assertTrue(banded >= GRAPHS, banded + " nodes work in bands");
    }

    @Test
    void bandsOfStemsAndTransitionsDo() throws IOException {
        for (DataType type : DataType.values()) {
            try (Device device = Device.open("cpu", TinyCache.OPTIONS.withPrecision(type))) {
                for (int height : new int[] {63, 64, 96}) {
                    if (device.supports(type)) {
                        checkTallStem(height, type == DataType.FLOAT32, device);
                    }
                }
            }
        }
        try (Device tiny = new EmulatedDevice(DeviceOptions.defaults().withChunkFactor(1e-9))) {
            checkTallStem(64, true, tiny);
        }
    }

    /** Of which convolutions without a bias fill matrices of their own. */
    @Test
    void bandsOfPreActivationResNetsDo() throws IOException {
        try (Device device = Device.open("cpu", TinyCache.OPTIONS)) {
            NetworkSpec spec = ResNetSpec.cifarPreActivation(11).inputSize(32, 9).build();
            check(RandomCase.of(spec, 2, 7), device);
        }
    }

    @Test
    void bandsOfStridedConvolutionsDo() throws IOException {
        try (Device device = Device.open("cpu", TinyCache.OPTIONS)) {
            for (NetworkSpec spec :
                    List.of(
                            ResNetSpec.cifar(8).inputSize(48, 10).build(),
                            ResNetSpec.resnet50().unitsPerStage(1, 1).inputSize(128, 20).build())) {
                check(RandomCase.of(spec, 2, 7), device);
                assertTrue(
                        InferencePlan.of(spec).on(device).memory().nodes().stream()
                                .anyMatch(
                                        m ->
                                                m instanceof BandedConvolutionLayerInference c
                                                        && c.node().window().stride() > 1),
                        spec.toString());
            }
        }
    }

    private static void checkTallStem(int height, boolean kinks, Device device) throws IOException {
        DenseNetSpec spec =
                DenseNetSpec.builder()
                        .stem(Stem.IMAGENET)
                        .growthRate(5)
                        .layersPerBlock(2, 1)
                        .initialChannels(7)
                        .compression(0.5)
                        .classes(4)
                        .inputSize(height, 21)
                        .build();
        RandomCase c = RandomCase.of(spec, 2, height);
        check(kinks ? c : c.withoutKinks(), device);
        long banded =
                InferencePlan.of(spec).on(device).memory().nodes().stream()
                        .filter(GraphInferenceTest::isBanded)
                        .count();
        assertEquals(2, banded, c.toString());
    }

    private static boolean isBanded(NodeInference node) {
        return switch (node) {
            case BandedConvolutionLayerInference _ -> true;
            case BandedTransitionUpInference _ -> true;
            case BandedPooledConvolutionInference _ -> true;
            case TransitionInference transition -> transition.chunks().imagesPerChunk() == 0;
            case TransitionDownInference down -> down.chunks().imagesPerChunk() == 0;
            default -> false;
        };
    }

    @Test
    void presetsAgreeWithTheReference() throws IOException {
        DenseNetSpec.Builder deep =
                DenseNetSpec.builder()
                        .growthRate(5)
                        .layersPerBlock(2, 1)
                        .initialChannels(16)
                        .classes(3);
        List<NetworkSpec> specs =
                List.of(
                        ResNetSpec.resnet18().inputSize(33, 40).classes(5).build(),
                        ResNetSpec.resnet50().unitsPerStage(1, 2).inputSize(40).classes(5).build(),
                        ResNetSpec.cifar(8).inputSize(12, 10).build(),
                        ResNetSpec.cifarPreActivation(11).inputSize(9).build(),
                        ResNetSpec.resnet50()
                                .preActivation(true)
                                .unitsPerStage(2, 1)
                                .inputSize(33)
                                .classes(4)
                                .build(),
                        deep.stem(Stem.DEEP).inputSize(33, 26).build(),
                        deep.stem(Stem.DEEP_BLUR).inputSize(21).build(),
                        fcDenseNet(true),
                        fcDenseNet(false));
        for (DataType type : DataType.values()) {
            DeviceOptions options = DeviceOptions.defaults().withThreads(2).withPrecision(type);
            try (Device device = Device.open("cpu", options)) {
                for (NetworkSpec spec : specs) {
                    RandomCase c = RandomCase.of(spec, 2, 7);
                    if (type == DataType.FLOAT32) {
                        check(c, device);
                    } else if (device.supports(type)) {
                        check(c.withoutKinks(), device);
                    }
                }
            }
        }
    }

    /** Rows of 16 and of 32 channels lie without gaps, where results may be written in place. */
    @ParameterizedTest
    @ValueSource(ints = {16, 32, 5})
    void aBottleneckMayFillAMatrixOfItsOwn(int channels) throws IOException {
        Graph.Builder graph = Graph.builder("own", 9, 7, 3);
        Features x = new Features("x", 9, 7, 12);
        Features y = new Features("y", 9, 7, channels);
        graph.add(
                new ConvolutionLayer(
                        "stem",
                        Read.raw(graph.input().all()),
                        Window.THREE,
                        "stem",
                        false,
                        Drops.NOTHING,
                        x.all()));
        graph.add(
                new BottleneckLayer(
                        "layer",
                        Read.normalisedRelu(new Norm("norm1", 1e-5, 0.1), x.all()),
                        8,
                        "conv1",
                        new Norm("norm2", 1e-5, 0.1),
                        "conv2",
                        Drops.NOTHING,
                        y.all()));
        Norm last = new Norm("norm3", 1e-5, 0.1);
        graph.add(new Classifier("head", Read.normalisedRelu(last, y.all()), "fc", 4));
        for (DeviceOptions options : List.of(DeviceOptions.defaults(), TinyCache.OPTIONS)) {
            try (Device device = Device.open("cpu", options.withThreads(2))) {
                check(RandomCase.of(graph.build(), 3, channels), device);
            }
        }
    }

    @Test
    void depthwiseLayersAgreeWithTheReference() throws IOException {
        DeviceOptions two = DeviceOptions.defaults().withThreads(2);
        for (DeviceOptions options :
                List.of(two, TinyCache.OPTIONS, two.withPrecision(DataType.BFLOAT16))) {
            try (Device device = Device.open("cpu", options)) {
                if (device.supports(device.precision())) {
                    for (long seed = 1; seed <= 8; seed++) {
                        int images = 1 + (int) seed % 4;
                        check(RandomCase.of(RandomMixers.of(seed, 1), images, seed), device);
                    }
                }
            }
        }
    }

    @Test
    void everyHeadWithoutWeightsAgreesWithTheReference() throws IOException {
        DeviceOptions two = DeviceOptions.defaults().withThreads(2);
        for (DeviceOptions options :
                List.of(two, TinyCache.OPTIONS, two.withPrecision(DataType.BFLOAT16))) {
            try (Device device = Device.open("cpu", options)) {
                if (!device.supports(device.precision())) {
                    continue;
                }
                boolean floats = device.precision() == DataType.FLOAT32;
                for (long seed = 1; seed <= 8; seed++) {
                    int images = 1 + (int) seed % 4;
                    Graph graph =
                            floats
                                    ? RandomDetectors.of(seed, 0)
                                    : RandomDetectors.withoutMaxima(seed);
                    RandomCase drawn = RandomCase.of(graph, images, seed);
                    RandomCase c = floats ? drawn : drawn.withoutKinks();
                    ReferenceNetwork reference = c.reference();
                    reference.forward(
                            c.pixelsAsDoubles(), Mode.EVALUATE, ReferenceNetwork.Dropout.NONE);
                    InferencePlan plan = InferencePlan.of(c.spec).batch(images).on(device);
                    try (InferenceNetwork network =
                            InferenceNetwork.open(plan, device, c::values)) {
                        network.forward(c.pixels, 0, images);
                        assertTrue(network.classifiesPixels());
                        List<Node> heads = c.spec.graph().heads();
                        for (int i = 0; i < heads.size(); i++) {
                            String head = heads.get(i).name();
                            float[] logits = new float[images * network.logitsPerImage(head)];
                            network.logits(head, images, logits, 0);
                            assertClose(reference.logits(i), logits, device, c + head);
                        }
                    }
                }
            }
        }
    }

    /** The mean of a map over its pixels, with the bias, is a logit, also behind a layer norm. */
    @Test
    void classMapsOfAHeadWithALayerNormAddUpToItsLogits() throws IOException {
        int normed = 0;
        try (Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(2))) {
            for (long seed = 1; seed <= 6; seed++) {
                RandomCase c = RandomCase.of(RandomMixers.of(seed, 1), 3, seed);
                Classifier head = (Classifier) c.spec.graph().heads().getLast();
                normed += head.norm().isPresent() ? 1 : 0;
                InferencePlan plan = InferencePlan.of(c.spec).batch(3).on(device);
                try (InferenceNetwork network = InferenceNetwork.open(plan, device, c::values)) {
                    network.forward(c.pixels, 0, 3);
                    float[] logits = new float[3 * head.classes()];
                    network.logits(3, logits, 0);
                    float[] bias = c.values(head.linear() + ".bias");
                    float[] maps = network.classMaps(1);
                    int pixels = maps.length / head.classes();
                    for (int k = 0; k < head.classes(); k++) {
                        double sum = bias[k];
                        for (int p = 0; p < pixels; p++) {
                            sum += maps[p * head.classes() + k] / (double) pixels;
                        }
                        assertEquals(logits[head.classes() + k], sum, 1e-4, c.toString());
                    }
                }
            }
        }
        assertTrue(normed > 1, normed + " heads have a layer norm");
    }

    private static FcDenseNetSpec fcDenseNet(boolean batchStatistics) {
        return FcDenseNetSpec.builder()
                .growthRate(4)
                .initialChannels(6)
                .downLayers(2, 2)
                .bottleneckLayers(2)
                .upLayers(2, 1)
                .inputSize(17, 22)
                .classes(4)
                .evaluatesWithBatchStatistics(batchStatistics)
                .build();
    }

    /** In a plan for more images, with the reference's logits; returns what is found. */
    private static float[] check(RandomCase c, Device device) throws IOException {
        String what = c + " on " + device.description();
        double[] expected =
                c.reference()
                        .forward(c.pixelsAsDoubles(), Mode.EVALUATE, ReferenceNetwork.Dropout.NONE);
        InferencePlan plan = InferencePlan.of(c.spec).batch(c.images + 2).on(device);
        try (InferenceNetwork network = InferenceNetwork.open(plan, device, c::values)) {
            assertEquals(plan.peakBytes(), network.allocatedBytes(), what);
            float[] found = new float[c.images * network.logitsPerImage()];
            network.forward(c.pixels, 0, c.images);
            network.logits(c.images, found, 0);
            assertClose(expected, found, device, what);
            return found;
        }
    }

    private static void assertClose(double[] expected, float[] found, Device device, String what) {
        assertEquals(expected.length, found.length, what);
        double error = 0;
        double norm = 0;
        for (int i = 0; i < found.length; i++) {
            error += Math.pow(expected[i] - found[i], 2);
            norm += Math.pow(expected[i], 2);
        }
        boolean floats = device.precision() == DataType.FLOAT32;
        double tolerance = floats ? TOLERANCE : BFLOAT16_TOLERANCE;
        double relative = Math.sqrt(error / norm);
        assertTrue(relative <= tolerance, what + ": relative difference " + relative);
    }
}

package org.densenet4j.weights;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;

import org.densenet4j.backend.Device;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.engine.Mode;
import org.densenet4j.engine.Network;
import org.densenet4j.graph.Addition;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.PixelClassifier;
import org.densenet4j.graph.PixelLogits;
import org.densenet4j.graph.Pooling;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.TransitionUp;
import org.densenet4j.graph.Window;
import org.densenet4j.plan.MemoryPlan;
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
import org.densenet4j.testing.OnnxRuntime;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.stream.Stream;

/** ONNX Runtime computes of any graph what the reference computes in double precision. */
class OnnxGraphTest {
    @TempDir private Path folder;

    private static final double TOLERANCE = 1e-4;

    private static WeightSource weights(RandomCase c) {
        ReferenceNetwork reference = c.reference();
        return name -> {
            double[] values =
                    name.contains(".running_")
                            ? reference.runningStatistic(name)
                            : reference.parameter(name);
            float[] floats = new float[values.length];
            for (int i = 0; i < floats.length; i++) {
                floats[i] = (float) values[i];
            }
            return floats;
        };
    }

    private Path export(RandomCase c, OnnxOptions options) throws IOException {
        Path path = folder.resolve("model.onnx");
        OnnxExport.write(c.spec, weights(c), ImageMetadata.NONE, path, options);
        return path;
    }

    private interface Use {
        void of(OrtSession session) throws OrtException;
    }

    private static void open(Path onnx, Use use) throws OrtException {
        try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
            options.setIntraOpNumThreads(1);
            options.setSessionLogLevel(OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL);
            try (OrtSession session =
                    OnnxRuntime.environment().createSession(onnx.toString(), options)) {
                use.of(session);
            }
        }
    }

    /** An output of a case's images, as [batch, pixels, classes] in one array. */
    private static float[] run(OrtSession session, String output, RandomCase c)
            throws OrtException {
        int height = c.spec.inputHeight();
        int width = c.spec.inputWidth();
        int channels = c.spec.inputChannels();
        float[] nchw = new float[c.pixels.length];
        transpose(c.pixels, nchw, c.images, height * width, channels);
        long[] shape = {c.images, channels, height, width};
        try (OnnxTensor input =
                        OnnxTensor.createTensor(
                                OnnxRuntime.environment(), FloatBuffer.wrap(nchw), shape);
                OrtSession.Result result = session.run(Map.of("images", input))) {
            OnnxTensor logits = (OnnxTensor) result.get(output).orElseThrow();
            long[] found = logits.getInfo().getShape();
            float[] values = new float[logits.getFloatBuffer().remaining()];
            logits.getFloatBuffer().get(values);
            if (found.length == 2) {
                return values;
            }
            float[] nhwc = new float[values.length];
            int pixels = (int) (found[2] * found[3]);
            transpose(values, nhwc, c.images, (int) found[1], pixels);
            return nhwc;
        }
    }

    /** From [images, rows, columns] to [images, columns, rows]. */
    private static void transpose(float[] from, float[] to, int images, int rows, int columns) {
        for (int n = 0; n < images; n++) {
            for (int r = 0; r < rows; r++) {
                for (int i = 0; i < columns; i++) {
                    to[(n * columns + i) * rows + r] = from[(n * rows + r) * columns + i];
                }
            }
        }
    }

    private static double[] expected(RandomCase c) {
        return c.reference()
                .forward(c.pixelsAsDoubles(), Mode.EVALUATE, ReferenceNetwork.Dropout.NONE);
    }

    private static void assertSame(double[] expected, float[] found, String what) {
        assertEquals(expected.length, found.length, what);
        double largest = 1e-9;
        double error = 0;
        for (int i = 0; i < expected.length; i++) {
            largest = Math.max(largest, Math.abs(expected[i]));
            error = Math.max(error, Math.abs(expected[i] - found[i]));
        }
        assertTrue(error < TOLERANCE * largest, what + ": " + error / largest);
    }

    private static void assertSameLogits(RandomCase c, OrtSession session) throws OrtException {
        List<Node> heads = c.spec.graph().heads();
        String output = (heads.size() == 1 ? "" : heads.getLast().name() + ".") + "logits";
        assertSame(expected(c), run(session, output, c), c.toString());
    }

    @Test
    void randomGraphsWithEveryKindOfNodeAgreeWithTheReference() throws IOException, OrtException {
        int free = 0;
        for (int seed = 1; seed <= 40; seed++) {
            RandomCase c = RandomCase.of(RandomGraph.of(seed, seed % 2 * 0.25), 1 + seed % 3, seed);
            boolean fits = new ImageSides(c.spec.graph()).misfit().isEmpty();
            OnnxOptions options =
                    new OnnxOptions(13 + seed % 10, !fits || seed % 4 == 0, seed % 2 == 0, false);
            open(export(c, options), session -> assertSameLogits(c, session));
            free += options.fixedSize() ? 0 : 1;
        }
        for (int seed = 1; seed <= 8; seed++) {
            RandomCase c = RandomCase.of(RandomScales.of(seed, 0), 2, seed);
            OnnxOptions options = new OnnxOptions(13 + seed, true, false, false);
            open(export(c, options), session -> assertSameLogits(c, session));
        }
        assertTrue(free > 5, free + " take images of any size");
    }

    @Test
    void depthwiseLayersAgreeWithTheReferenceInEveryOpset() throws IOException, OrtException {
        for (int opset = 13; opset <= 22; opset++) {
            RandomCase c = RandomCase.of(RandomMixers.of(opset, 0.7), 1 + opset % 3, opset);
            OnnxOptions options = new OnnxOptions(opset, opset % 4 == 0, false, false);
            open(export(c, options), session -> assertSameLogits(c, session));
        }
    }

    @Test
    void l2NormsAndHeadsWithoutWeightsAgreeWithTheReferenceInEveryOpset()
            throws IOException, OrtException {
        for (int opset = 13; opset <= 22; opset++) {
            RandomCase c = RandomCase.of(RandomDetectors.of(opset, 0), 1 + opset % 3, opset);
            OnnxOptions options = new OnnxOptions(opset, opset % 4 == 0, false, false);
            open(
                    export(c, options),
                    session -> {
                        ReferenceNetwork reference = c.reference();
                        reference.forward(
                                c.pixelsAsDoubles(), Mode.EVALUATE, ReferenceNetwork.Dropout.NONE);
                        List<Node> heads = c.spec.graph().heads();
                        for (int i = 0; i < heads.size(); i++) {
                            PixelLogits head = (PixelLogits) heads.get(i);
                            float[] found = run(session, head.name() + ".logits", c);
                            assertSame(reference.logits(i), found, c + head.name());
                        }
                    });
        }
    }

    private static Stream<BiFunction<Integer, Integer, NetworkSpec>> networksForAnySize() {
        DenseNetSpec deep =
                DenseNetSpec.builder()
                        .growthRate(4)
                        .layersPerBlock(2, 2)
                        .initialChannels(8)
                        .stem(Stem.DEEP)
                        .build();
        DenseNetSpec blur = deep.toBuilder().stem(Stem.DEEP_BLUR).build();
        FcDenseNetSpec fc =
                FcDenseNetSpec.builder()
                        .growthRate(3)
                        .downLayers(1, 2)
                        .bottleneckLayers(2)
                        .upLayers(2, 1)
                        .initialChannels(5)
                        .classes(4)
                        .build();
        ResNetSpec.Builder basic = ResNetSpec.cifar(14).initialChannels(4);
        ResNetSpec.Builder before = ResNetSpec.cifarPreActivation(14).initialChannels(4);
        ResNetSpec.Builder narrow = ResNetSpec.cifarPreActivation(20).initialChannels(3);
        ResNetSpec.Builder large = ResNetSpec.resnet18().initialChannels(4).classes(7);
        ResNetSpec.Builder bottleneck =
                ResNetSpec.resnet50().initialChannels(3).unitsPerStage(1, 2, 1, 1).classes(7);
        return Stream.of(
                (h, w) -> deep.toBuilder().inputSize(h, w).build(),
                (h, w) -> blur.toBuilder().inputSize(h, w).build(),
                (h, w) -> fc.toBuilder().inputSize(h, w).build(),
                (h, w) ->
                        fc.toBuilder().evaluatesWithBatchStatistics(false).inputSize(h, w).build(),
                (h, w) -> basic.inputSize(h, w).build(),
                (h, w) -> before.inputSize(h, w).build(),
                (h, w) -> narrow.inputSize(h, w).build(),
                (h, w) -> large.inputSize(h, w).build(),
                (h, w) -> bottleneck.inputSize(h, w).build());
    }

    @ParameterizedTest
    @MethodSource("networksForAnySize")
    void networksWithANameTakeImagesOfAnySize(BiFunction<Integer, Integer, NetworkSpec> network)
            throws IOException, OrtException {
        int[][] sizes = {{32, 32}, {21, 30}, {37, 50}, {16, 19}};
        RandomCase trained = RandomCase.of(network.apply(24, 26), 2, 5);
        open(
                export(trained, OnnxOptions.defaults()),
                session -> {
                    assertSameLogits(trained, session);
                    for (int[] size : sizes) {
                        NetworkSpec resized = network.apply(size[0], size[1]);
                        assertSameLogits(RandomCase.of(resized, 3, 5), session);
                    }
                });
        open(
                export(trained, OnnxOptions.defaults().withOpset(OnnxExport.OLDEST_OPSET)),
                session -> assertSameLogits(trained, session));
    }

    @Test
    void aWholeFcDenseNetAgreesWithTheReference() throws IOException, OrtException {
        NetworkSpec spec = FcDenseNetSpec.fcDenseNet56().inputSize(33, 40).build();
        RandomCase c = RandomCase.of(spec, 1, 3);
        open(export(c, OnnxOptions.defaults()), session -> assertSameLogits(c, session));
    }

    private static Norm norm(String name) {
        return new Norm(name, 1e-4, 0.1);
    }

    private static ConvolutionLayer convolution(String name, Read source, Columns target) {
        return new ConvolutionLayer(
                name, source, Window.THREE, name + ".conv", true, Drops.NOTHING, target);
    }

    /** Columns out of order, parts of what a node wrote, some of them twice, two heads. */
    private static Graph slices(boolean pixelsFirst) {
        Graph.Builder g = Graph.builder("slices", 9, 7, 3);
        Features x = new Features("x", 9, 7, 12);
        Features y = new Features("y", 9, 7, 6);
        g.add(convolution("a", Read.raw(g.input().columns(1, 2)), x.columns(4, 5)));
        g.add(convolution("b", Read.raw(g.input().all()), x.columns(0, 4)));
        Columns middle = x.columns(2, 4);
        g.add(convolution("c", Read.normalisedRelu(norm("c.norm"), middle), x.columns(9, 3)));
        Columns[] mixed = {x.columns(5, 6), x.columns(1, 2), x.columns(5, 1)};
        g.add(convolution("d", Read.normalised(norm("d.norm"), mixed), y.prefix(2)));
        Read pooled = Read.raw(x.columns(3, 4));
        g.add(new Pooling("e", pooled, Pooling.Kind.AVERAGE, Window.THREE, y.columns(2, 4)));
        Read stack = Read.raw(y.columns(3, 3), x.all(), y.prefix(3));
        PixelClassifier pixels = new PixelClassifier("pixels", stack, "pixels.conv", 2);
        Classifier image = new Classifier("image", Read.raw(x.columns(1, 10)), "image.linear", 3);
        g.add(pixelsFirst ? pixels : image);
        return g.add(pixelsFirst ? image : pixels).build();
    }

    @Test
    void columnsOutOfOrderAreReadInOrderAndHeadsHaveOutputsOfTheirOwn()
            throws IOException, OrtException {
        for (boolean pixelsFirst : new boolean[] {true, false}) {
            RandomCase c = RandomCase.of(slices(pixelsFirst), 2, 11);
            String last = pixelsFirst ? "image" : "pixels"; // whose logits the reference keeps
            open(
                    export(c, OnnxOptions.defaults().withProbabilities(true)),
                    session -> {
                        assertEquals(
                                Set.of(
                                        "image.logits",
                                        "image.probabilities",
                                        "pixels.logits",
                                        "pixels.probabilities"),
                                session.getOutputNames());
                        assertSame(expected(c), run(session, last + ".logits", c), last);
                    });
        }
    }

    @Test
    void everyColumnIsConcatenatedOnce() {
        OnnxColumns columns = new OnnxColumns(new OnnxGraph(OnnxExport.OPSET), 1, "");
        Features x = new Features("x", 2, 2, 9);
        columns.write(x.prefix(3), "a", "a.concat");
        columns.write(x.columns(3, 2), "b", "b.concat");
        columns.write(x.columns(5, 4), "c", "c.concat");
        Map<Columns, String> reads = new LinkedHashMap<>();
        reads.put(x.prefix(3), "a");
        reads.put(x.prefix(5), "b.concat.out");
        reads.put(x.all(), "c.concat.out");
        reads.put(x.columns(3, 2), "b");
        reads.put(x.columns(6, 2), "x.columns6-8.out");
        reads.put(x.columns(4, 4), "x.columns4-8.out");
        for (int time = 1; time <= 2; time++) {
            reads.forEach(
                    (range, tensor) ->
                            assertEquals(tensor, columns.read(List.of(range), "reader")));
        }
    }

    @Test
    void logitsOfPixelsHaveTheSizeOfTheImages() throws IOException, OrtException {
        FcDenseNetSpec spec = FcDenseNetSpec.fcDenseNet56().inputSize(32, 40).classes(3).build();
        RandomCase c = RandomCase.of(spec, 1, 1);
        open(
                export(c, OnnxOptions.defaults().withProbabilities(true)),
                session -> {
                    for (String name : List.of("logits", "probabilities")) {
                        TensorInfo info = (TensorInfo) session.getOutputInfo().get(name).getInfo();
                        assertArrayEquals(new long[] {-1, 3, -1, -1}, info.getShape());
                        assertArrayEquals(
                                new String[] {"batch", "", "height", "width"},
                                info.getDimensionNames());
                    }
                    assertEquals(
                            "of the images that are run together",
                            session.getMetadata().getCustomMetadata().get("batch-statistics"));
                });
        open(
                export(c, OnnxOptions.defaults().withFixedSize(true)),
                session -> {
                    TensorInfo info = (TensorInfo) session.getOutputInfo().get("logits").getInfo();
                    assertArrayEquals(new long[] {-1, 3, 32, 40}, info.getShape());
                });
    }

    /** Two ways down, one rounding down and one up, which meet for images of even sizes. */
    private static Graph meetingAtOneSize() {
        Graph.Builder g = Graph.builder("ways", 8, 8, 3);
        Features x = new Features("x", 8, 8, 4);
        Features down = new Features("down", 4, 4, 4);
        Features ceiling = new Features("ceiling", 4, 4, 4);
        Features sum = new Features("sum", 4, 4, 4);
        g.add(convolution("a", Read.raw(g.input().all()), x.all()));
        Window two = new Window(2, 2, 0);
        g.add(new Pooling("floor", Read.raw(x.all()), Pooling.Kind.MAX, two, down.all()));
        Window three = new Window(3, 2, 1);
        g.add(new Pooling("ceil", Read.raw(x.all()), Pooling.Kind.MAX, three, ceiling.all()));
        g.add(new Addition("add", Read.raw(down.all()), Read.raw(ceiling.all()), false, sum.all()));
        return g.add(new Classifier("head", Read.raw(sum.all()), "fc", 2)).build();
    }

    private static Graph croppedToNothing() {
        Graph.Builder g = Graph.builder("crop", 8, 8, 3);
        Features x = new Features("x", 8, 8, 4);
        Features up = new Features("up", 14, 15, 4);
        g.add(convolution("a", Read.raw(g.input().all()), x.all()));
        g.add(new TransitionUp("wayup", Read.raw(x.all()), "up.conv", up.all()));
        return g.add(new PixelClassifier("head", Read.raw(up.all()), "classes", 2)).build();
    }

    @Test
    void graphsThatFitOneSizeOnlyAreExportedForThatSize() throws IOException, OrtException {
        Map<Graph, String> graphs =
                Map.of(
                        meetingAtOneSize(),
                        "the network 'ways' fits images of its own size only ('add' would read",
                        croppedToNothing(),
                        "the network 'crop' fits images of its own size only ('wayup' is cropped");
        for (Map.Entry<Graph, String> of : graphs.entrySet()) {
            RandomCase c = RandomCase.of(of.getKey(), 2, 1);
            IllegalArgumentException e =
                    assertThrows(
                            IllegalArgumentException.class,
                            () -> export(c, OnnxOptions.defaults()));
            assertTrue(e.getMessage().startsWith(of.getValue()), e.getMessage());
            assertTrue(e.getMessage().contains("--fixed-size"), e.getMessage());
            open(
                    export(c, OnnxOptions.defaults().withFixedSize(true)),
                    session -> assertSameLogits(c, session));
        }
    }

    @Test
    void aNetworkInTrainingIsExportedWithTheWeightsThatItHas() throws IOException, OrtException {
        RandomCase c = RandomCase.of(ResNetSpec.cifar(8).initialChannels(3).build(), 2, 4);
        Path onnx = folder.resolve("network.onnx");
        try (Device device = Device.cpu();
                Network network =
                        Network.open(MemoryPlan.of(c.spec).batch(2).on(device), device, 1)) {
            c.load(network);
            OnnxExport.write(network, ImageMetadata.NONE, onnx, OnnxOptions.defaults());
        }
        open(onnx, session -> assertSameLogits(c, session));
    }
}

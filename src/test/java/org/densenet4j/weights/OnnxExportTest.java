package org.densenet4j.weights;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;

import org.densenet4j.backend.Device;
import org.densenet4j.data.Normalisation;
import org.densenet4j.graph.LearnedGroups;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.Stem;
import org.densenet4j.testing.OnnxRuntime;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/** ONNX Runtime computes what this engine computes. */
class OnnxExportTest {
    @TempDir private Path folder;

    private static final double TOLERANCE = 1e-4;

    private Path export(RandomModel random, OnnxOptions options) throws IOException {
        Path path = folder.resolve("model.onnx");
        try (Model model = Model.open(random.write(folder.resolve("model.safetensors")))) {
            OnnxExport.write(model, path, options);
        }
        return path;
    }

    private static OnnxOptions opset(int opset) {
        return OnnxOptions.defaults().withOpset(opset);
    }

    private interface Use {
        void of(OrtSession session) throws OrtException;
    }

    private static void open(Path onnx, Use use) throws OrtException {
        OrtEnvironment environment = OnnxRuntime.environment();
        try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
            options.setIntraOpNumThreads(1);
            options.setSessionLogLevel(OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL); // it throws, too
            try (OrtSession session = environment.createSession(onnx.toString(), options)) {
                use.of(session);
            }
        }
    }

    /** Batches of one and of three images, of the size that the model was trained with. */
    private static void assertSameLogits(RandomModel model, Path onnx) throws OrtException {
        open(onnx, session -> assertSameLogits(model, session, 1, 3));
    }

    private static void assertSameLogits(RandomModel model, OrtSession session, int... batches)
            throws OrtException {
        NetworkSpec spec = model.spec();
        try (Device device = Device.cpu()) {
            for (int count : batches) {
                float[] images = model.images(count, count);
                float[] found = run(session, "logits", spec, images, count);
                double error =
                        RandomModel.error(model.expectedLogits(device, images, count), found);
                assertTrue(error < TOLERANCE, spec + ", batch " + count + ": " + error);
            }
        }
    }

    /** An output [count, classes] of NHWC images. */
    private static float[] run(
            OrtSession session, String output, NetworkSpec spec, float[] nhwc, int count)
            throws OrtException {
        int pixels = spec.inputHeight() * spec.inputWidth();
        int channels = spec.inputChannels();
        float[] nchw = new float[nhwc.length];
        for (int n = 0; n < count; n++) {
            for (int p = 0; p < pixels; p++) {
                for (int c = 0; c < channels; c++) {
                    nchw[(n * channels + c) * pixels + p] = nhwc[(n * pixels + p) * channels + c];
                }
            }
        }
        long[] shape = {count, channels, spec.inputHeight(), spec.inputWidth()};
        try (OnnxTensor input =
                        OnnxTensor.createTensor(
                                OnnxRuntime.environment(), FloatBuffer.wrap(nchw), shape);
                OrtSession.Result result = session.run(Map.of("images", input))) {
            float[][] values = (float[][]) result.get(output).orElseThrow().getValue();
            assertEquals(count, values.length);
            float[] flat = new float[count * spec.classes()];
            for (int n = 0; n < count; n++) {
                System.arraycopy(values[n], 0, flat, n * spec.classes(), spec.classes());
            }
            return flat;
        }
    }

    @Test
    void logitsAgreeForNetworksOfEveryKind() throws IOException, OrtException {
        List<DenseNetSpec> specs =
                List.of(
                        DenseNetSpec.bc(40, 12).build(),
                        DenseNetSpec.bc(16, 7).inputSize(13, 18).classes(3).build(),
                        DenseNetSpec.plain(13, 12).inputSize(11).build(),
                        DenseNetSpec.b(16, 5).inputSize(9, 14).build(),
                        DenseNetSpec.builder()
                                .growthRate(8)
                                .layersPerBlock(2, 3, 2, 1)
                                .initialChannels(16)
                                .stem(Stem.IMAGENET)
                                .inputSize(67, 53)
                                .classes(11)
                                .build());
        for (DenseNetSpec spec : specs) {
            RandomModel model = new RandomModel(spec, 1);
            assertSameLogits(model, export(model, OnnxOptions.defaults()));
        }
    }

    /** Every group of a 1x1 convolution loses inputs, each one others. */
    private static RandomModel condensed() {
        RandomModel model = new RandomModel(SmallNetworks.condenseNet(), 5);
        for (LearnedGroups learned : model.spec().graph().learnedGroups()) {
            int inputs = model.spec().graph().parameter(learned.weight()).shape().get(1);
            float[] weights = model.values(learned.weight());
            for (int i = 0; i < weights.length; i++) {
                int group = i / inputs % learned.groups();
                weights[i] = (i % inputs + group) % learned.factor() == 0 ? weights[i] : 0;
            }
        }
        return model;
    }

    @Test
    void condensedConvolutionsMayBeInGroups() throws IOException, OrtException {
        RandomModel model = condensed();
        for (int opset : new int[] {OnnxExport.OLDEST_OPSET, OnnxExport.OPSET}) {
            Path grouped = export(model, opset(opset).withGroups(true));
            assertSameLogits(model, grouped);
            String file = Files.readString(grouped, StandardCharsets.ISO_8859_1);
            assertTrue(file.contains(".conv_1.conv.shuffle"));
        }
        OnnxOptions groups = OnnxOptions.defaults().withGroups(true);
        RandomModel fresh = new RandomModel(SmallNetworks.condenseNet(), 5);
        String refused =
                assertThrows(IllegalArgumentException.class, () -> export(fresh, groups))
                        .getMessage();
        assertTrue(refused.contains("are not condensed: a group reads"), refused);
        RandomModel other = new RandomModel(DenseNetSpec.preset("bc-10-4").build(), 5);
        String none =
                assertThrows(IllegalArgumentException.class, () -> export(other, groups))
                        .getMessage();
        assertTrue(none.contains("has no learned groups"), none);
    }

    @Test
    void logitsAgreeForDenseNet121() throws IOException, OrtException {
        RandomModel model = new RandomModel(DenseNetSpec.densenet121().inputSize(65).build(), 2);
        assertSameLogits(model, export(model, OnnxOptions.defaults()));
    }

    @Test
    void logitsAgreeForRandomNetworksAndOlderOpsets() throws IOException, OrtException {
        SplittableRandom random = new SplittableRandom(3);
        for (int opset = 13; opset <= OnnxExport.OPSET; opset++) {
            RandomModel model = new RandomModel(RandomSpec.draw(random), opset);
            assertSameLogits(model, export(model, opset(opset)));
        }
    }

    private static Stream<DenseNetSpec> smallOnesOfEveryKind() {
        return Stream.of(
                DenseNetSpec.bc(10, 3).inputSize(32).build(),
                DenseNetSpec.plain(7, 3).inputSize(32).classes(3).build(),
                DenseNetSpec.bc(10, 3).inputChannels(1).inputSize(28).build(),
                imageNet().build(),
                imageNet().bottleneckWidth(0).inputChannels(1).build());
    }

    private static DenseNetSpec.Builder imageNet() {
        return DenseNetSpec.builder()
                .growthRate(4)
                .layersPerBlock(2, 1, 2, 1)
                .initialChannels(8)
                .stem(Stem.IMAGENET)
                .inputSize(64)
                .classes(5);
    }

    @ParameterizedTest
    @MethodSource("smallOnesOfEveryKind")
    void heightAndWidthAreFree(DenseNetSpec spec) throws IOException, OrtException {
        int least = OnnxExport.leastSide(spec);
        int[][] sizes = {{224, 224}, {256, 256}, {192, 320}, {67, 53}, {least, least + 1}};
        Path onnx = export(new RandomModel(spec, 1), OnnxOptions.defaults());
        open(
                onnx,
                session -> {
                    for (int[] size : sizes) {
                        DenseNetSpec resized = spec.toBuilder().inputSize(size[0], size[1]).build();
                        assertSameLogits(new RandomModel(resized, 1), session, 1, 3);
                    }
                });
    }

    @ParameterizedTest
    @MethodSource("smallOnesOfEveryKind")
    void imagesThatTheNetworkIsTooDeepForAreRefusedByName(DenseNetSpec spec)
            throws IOException, OrtException {
        int least = OnnxExport.leastSide(spec);
        int[][] sizes = {{least - 1, 224}, {224, least - 1}, {1, 1}};
        for (int[] size : sizes) {
            assertThrows(
                    IllegalArgumentException.class,
                    () -> spec.toBuilder().inputSize(size[0], size[1]).build());
        }
        Path onnx = export(new RandomModel(spec, 1), OnnxOptions.defaults());
        open(
                onnx,
                session -> {
                    for (int[] size : sizes) {
                        long[] shape = {1, spec.inputChannels(), size[0], size[1]};
                        try (OnnxTensor images =
                                OnnxTensor.createTensor(
                                        OnnxRuntime.environment(),
                                        FloatBuffer.allocate(
                                                spec.inputChannels() * size[0] * size[1]),
                                        shape)) {
                            OrtException e =
                                    assertThrows(
                                            OrtException.class,
                                            () -> session.run(Map.of("images", images)).close());
                            String words = "images_of_at_least_" + least + "x" + least + "_pixels";
                            assertTrue(e.getMessage().contains(words), e.getMessage());
                        }
                    }
                });
    }

    @Test
    void aFixedSizeTakesNoOther() throws IOException, OrtException {
        RandomModel model = new RandomModel(imageNet().inputSize(40, 50).build(), 1);
        open(
                export(model, OnnxOptions.defaults().withFixedSize(true)),
                session -> {
                    TensorInfo images = (TensorInfo) session.getInputInfo().get("images").getInfo();
                    assertArrayEquals(new long[] {-1, 3, 40, 50}, images.getShape());
                    assertSameLogits(model, session, 1, 3);
                    DenseNetSpec other = imageNet().inputSize(50, 40).build();
                    assertThrows(
                            OrtException.class,
                            () -> assertSameLogits(new RandomModel(other, 1), session, 1));
                });
    }

    @Test
    void freeDimensionsHaveNames() throws IOException, OrtException {
        RandomModel model = new RandomModel(imageNet().build(), 1);
        open(
                export(model, OnnxOptions.defaults()),
                session -> {
                    TensorInfo images = (TensorInfo) session.getInputInfo().get("images").getInfo();
                    assertArrayEquals(new long[] {-1, 3, -1, -1}, images.getShape());
                    assertArrayEquals(
                            new String[] {"batch", "", "height", "width"},
                            images.getDimensionNames());
                    assertEquals(Set.of("logits"), session.getOutputNames());
                });
    }

    @ParameterizedTest
    @MethodSource("smallOnesOfEveryKind")
    void probabilitiesAreTheSoftmaxOfTheLogits(DenseNetSpec spec) throws IOException, OrtException {
        RandomModel model = new RandomModel(spec, 1);
        float[] images = model.images(3, 1);
        open(
                export(model, opset(13).withProbabilities(true)),
                session -> {
                    assertSameLogits(model, session, 1, 3);
                    float[] logits = run(session, "logits", spec, images, 3);
                    float[] probabilities = run(session, "probabilities", spec, images, 3);
                    for (int image = 0; image < 3; image++) {
                        int first = image * spec.classes();
                        double sum = 0;
                        double exponentials = 0;
                        for (int c = 0; c < spec.classes(); c++) {
                            sum += probabilities[first + c];
                            exponentials += Math.exp(logits[first + c]);
                        }
                        assertEquals(1, sum, 1e-5);
                        for (int c = 0; c < spec.classes(); c++) {
                            assertEquals(
                                    Math.exp(logits[first + c]) / exponentials,
                                    probabilities[first + c],
                                    1e-5);
                        }
                    }
                });
    }

    private static Map<String, String> notes(Path onnx) throws OrtException {
        Map<String, String> notes = new HashMap<>();
        open(
                onnx,
                session -> {
                    assertEquals("densenet4j", session.getMetadata().getProducerName());
                    notes.putAll(session.getMetadata().getCustomMetadata());
                });
        return notes;
    }

    @Test
    void namesAndNormalisationThatAreKnownAreInTheFile() throws IOException, OrtException {
        RandomModel model = new RandomModel(DenseNetSpec.bc(10, 4).build(), 1);
        Path path = folder.resolve("named.onnx");
        try (Model file = Model.open(model.write(folder.resolve("m.safetensors")))) {
            List<String> names = List.of("a", "b", "c\"", "d", "e", "f", "g", "h", "i", "\u00fc");
            OnnxExport.write(
                    file.withClassNames(names).withNormalisation(Normalisation.IMAGENET), path);
        }
        Map<String, String> notes = notes(path);
        assertEquals(
                "[\"a\",\"b\",\"c\\\"\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"\u00fc\"]",
                notes.get("classes"));
        assertEquals("[0.485,0.456,0.406]", notes.get("normalisation.mean"));
        assertEquals("[0.229,0.224,0.225]", notes.get("normalisation.deviation"));
        assertFalse(notes.get("preparation").contains("not known"), notes.get("preparation"));
    }

    @Test
    void whatNobodyRecordedIsNotInvented() throws IOException, OrtException {
        RandomModel model = new RandomModel(DenseNetSpec.bc(10, 4).build(), 1);
        Path weights = model.write(folder.resolve("m.safetensors"));
        Path onnx = folder.resolve("m.onnx");
        Path copy = folder.resolve("copy.safetensors");
        try (Model file = Model.open(weights)) {
            OnnxExport.write(file, onnx);
            SafetensorsExport.write(file, copy);
        }
        Map<String, String> notes = notes(onnx);
        assertEquals(
                Set.of("input.layout", "input.size", "input.least", "preparation"), notes.keySet());
        assertTrue(notes.get("preparation").contains("are not known"), notes.get("preparation"));
        try (Model again = Model.open(copy)) {
            assertEquals(Optional.empty(), again.images().classNames());
            assertEquals(Optional.empty(), again.images().normalisation());
        }
    }

    @Test
    void thePreparationIsSaidInTheWordsOfTheDocumentation() throws IOException, OrtException {
        String documentation =
                Files.readString(Path.of("docs/inference.md")).replaceAll("\\s+", " ");
        for (DenseNetSpec spec : List.of(DenseNetSpec.bc(10, 4).build(), imageNet().build())) {
            Path onnx = export(new RandomModel(spec, 1), OnnxOptions.defaults());
            Map<String, String> notes = notes(onnx);
            String words =
                    notes.get("preparation").replace("Mean and deviation are not known.", "");
            for (String sentence : words.strip().split("(?<=\\.) ")) {
                assertTrue(documentation.contains(sentence), sentence);
            }
            String side = String.valueOf(spec.inputHeight());
            assertEquals("[" + side + "," + side + "]", notes.get("input.size"));
            assertEquals(
                    "float32 [batch, channels (red, green, blue), height, width]",
                    notes.get("input.layout"));
        }
    }

    @Test
    void refusesOpsetsThatItWasNotTestedWith() {
        for (int opset : new int[] {0, 12, 99}) {
            IllegalArgumentException e =
                    assertThrows(IllegalArgumentException.class, () -> opset(opset));
            assertTrue(e.getMessage().contains("opset"), e.getMessage());
        }
    }
}

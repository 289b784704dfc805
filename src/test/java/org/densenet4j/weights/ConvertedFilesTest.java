package org.densenet4j.weights;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.engine.Network;
import org.densenet4j.graph.LearnedGroups;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.inference.OutputActivation;
import org.densenet4j.inference.Predictor;
import org.densenet4j.io.Safetensors;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.io.Tensor;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.spec.CondenseNetSpec;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.Stem;
import org.densenet4j.train.Checkpoint;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Converted CondenseNets: what the authors' conversion makes of one, recorded from PyTorch by
 * {@code scripts/record_converted.py}, is what ours makes of it, and answers as it does there.
 */
class ConvertedFilesTest {
    private static final Path RECORDED = Path.of("src/test/resources/golden/converted");
    private static final Path CONDENSED = RECORDED.resolve("condensed.safetensors");
    private static final Path CONVERTED = RECORDED.resolve("converted.safetensors");
    private static final int HEIGHT = 11;
    private static final int WIDTH = 14;
    private static final String FIRST = "features.denseblock_1.denselayer_1.conv_1.";

    @TempDir private Path folder;

    private static Model open(Path path) throws IOException {
        return Model.open(path, null, LoadOptions.strict().withIgnoreUnexpected(true))
                .withInputSize(HEIGHT, WIDTH);
    }

    /** The recorded images, NHWC. */
    private static float[] images(Path path) throws IOException {
        try (Safetensors file = Safetensors.open(path)) {
            Tensor images = file.tensor("case.images");
            float[] planes = images.toFloats();
            int pixels = HEIGHT * WIDTH;
            float[] found = new float[planes.length];
            for (int i = 0; i < planes.length; i++) {
                int image = i / (3 * pixels);
                int channel = i / pixels % 3;
                found[(image * pixels + i % pixels) * 3 + channel] = planes[i];
            }
            return found;
        }
    }

    private static float[] logits(Path path, float[] images) throws IOException {
        try (Model model = open(path);
                Predictor predictor =
                        Predictor.of(model).activation(OutputActivation.NONE).batch(2).open()) {
            return predictor.logits(images, 3);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"condensed", "converted"})
    void answersAreThoseOfPyTorch(String name) throws IOException {
        Path path = RECORDED.resolve(name + ".safetensors");
        try (Model model = open(path)) {
            assertTrue(model.isCondensed());
        }
        try (Safetensors file = Safetensors.open(path)) {
            float[] expected = file.tensor("case.logits").toFloats();
            assertArrayEquals(expected, logits(path, images(path)), 2e-5f);
        }
    }

    @Test
    void aNetworkIsConvertedAsTheAuthorsDo() throws IOException {
        Path path = folder.resolve("ours.safetensors");
        try (Model model = open(CONDENSED)) {
            ConvertedExport.write(model, path, true);
        }
        try (Safetensors ours = Safetensors.open(path);
                Safetensors theirs = Safetensors.open(CONVERTED)) {
            TreeSet<String> names = new TreeSet<>(theirs.names());
            names.removeIf(name -> name.startsWith("case."));
            assertEquals(names, new TreeSet<>(ours.names()));
            for (String name : names) {
                Tensor expected = theirs.tensor(name);
                assertEquals(theirs.describe(name), ours.describe(name), name);
                if (expected.type().isFloat()) {
                    assertArrayEquals(expected.toFloats(), ours.tensor(name).toFloats(), name);
                } else {
                    assertArrayEquals(expected.toLongs(), ours.tensor(name).toLongs(), name);
                }
            }
        }
    }

    @Test
    void withTheWholeClassifierItAnswersTheSameToTheBit() throws IOException {
        Path path = folder.resolve("whole.safetensors");
        try (Model model = open(CONDENSED)) {
            ConvertedExport.write(model, path, false);
            try (Model converted = Model.open(path)) {
                assertEquals(model.spec(), converted.spec());
                for (LearnedGroups learned : model.spec().graph().learnedGroups()) {
                    assertArrayEquals(
                            model.values(learned.weight()), converted.values(learned.weight()));
                    assertArrayEquals(
                            model.mask(learned.weight()).orElseThrow(),
                            converted.mask(learned.weight()).orElseThrow());
                }
            }
        }
        float[] images = images(CONDENSED);
        assertArrayEquals(logits(CONDENSED, images), logits(path, images));
        Path again = folder.resolve("again.safetensors");
        try (Model converted = open(path)) {
            ConvertedExport.write(converted, again, false);
        }
        assertEquals(tensors(path).keySet(), tensors(again).keySet());
        tensors(path).forEach((name, values) -> assertArrayEquals(values, read(again, name), name));
    }

    private static float[] read(Path path, String name) {
        return tensors(path).get(name);
    }

    private static Map<String, float[]> tensors(Path path) {
        Map<String, float[]> all = new TreeMap<>();
        try (Safetensors file = Safetensors.open(path)) {
            for (String name : file.names()) {
                Tensor tensor = file.tensor(name);
                all.put(name, tensor.type().isFloat() ? tensor.toFloats() : floats(tensor));
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        return all;
    }

    private static float[] floats(Tensor integers) {
        long[] values = integers.toLongs();
        float[] floats = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            floats[i] = values[i];
        }
        return floats;
    }

    @Test
    void aConvertedNetworkMayBeTrainedOnWithItsMasks() throws IOException {
        try (Model model = open(CONDENSED);
                Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(1))) {
            Path path = folder.resolve("converted.safetensors");
            ConvertedExport.write(model, path, false);
            MemoryPlan plan = MemoryPlan.of(model.spec()).batch(1).on(device);
            try (Network network = Network.open(plan, device, 1)) {
                Weights.load(path, network, LoadOptions.strict());
                for (LearnedGroups learned : model.spec().graph().learnedGroups()) {
                    assertArrayEquals(
                            model.values(learned.weight()), network.parameter(learned.weight()));
                    assertArrayEquals(
                            model.mask(learned.weight()).orElseThrow(),
                            network.mask(learned.weight()));
                }
            }
        }
    }

    /**
     * Parameters of converted networks by the authors' code, whose norms have a value for each
     * input of each group: see networks' counts in the paper, table 1.
     */
    @ParameterizedTest
    @CsvSource({
        "condensenet-50, 214186",
        "condensenet-86, 516202",
        "condensenet-imagenet-74-c4, 4773944",
        "condensenet-imagenet-74-c8, 2935416"
    })
    void aConvertedFileHasThePublishedNumberOfParameters(String name, long published)
            throws IOException {
        CondenseNetSpec spec = CondenseNetSpec.preset(name).build();
        Path path = folder.resolve("converted.safetensors");
        try (Model model = Model.open(condensed(spec))) {
            ConvertedExport.write(model, path, true);
        }
        long count = 0;
        try (Safetensors file = Safetensors.open(path)) {
            for (String tensor : file.names()) {
                if (file.describe(tensor).type().isFloat() && !tensor.contains("running_")) {
                    count += file.tensor(tensor).count();
                }
            }
        }
        assertEquals(published, count);
    }

    /** A file whose masks leave inputs at equal distances. */
    private Path condensed(CondenseNetSpec spec) throws IOException {
        RandomModel random = new RandomModel(spec, 1);
        SafetensorsWriter writer = new SafetensorsWriter();
        Checkpoint.specMetadata(spec).forEach(writer::metadata);
        for (ParameterSpec p : random.tensors()) {
            writer.floats(p.name(), p.shape(), () -> random.values(p.name()));
        }
        for (LearnedGroups learned : spec.graph().learnedGroups()) {
            ParameterSpec weights = spec.graph().parameter(learned.weight());
            int inputs = weights.shape().get(1);
            float[] mask = new float[Math.toIntExact(weights.count())];
            for (int i = 0; i < mask.length; i++) {
                int group = i / inputs % learned.groups();
                mask[i] = (i % inputs + group) % learned.factor() == 0 ? 1 : 0;
            }
            writer.floats(learned.mask(), weights.shape(), () -> mask);
        }
        Path path = folder.resolve("condensed.safetensors");
        writer.write(path);
        return path;
    }

    // ---------------------------------------------------------------- what is refused

    @Test
    void whatIsNotCondensedOrNoCondenseNetIsNotConverted() throws IOException {
        CondenseNetSpec spec = SmallNetworks.condenseNet();
        Path path = new RandomModel(spec, 1).write(folder.resolve("trained.safetensors"));
        Path out = folder.resolve("out.safetensors");
        try (Model model = Model.open(path)) {
            assertFalse(model.isCondensed());
            assertEquals(
                    "the weights are not condensed to the end; train them for at least half of their"
                            + " epochs first",
                    refusal(() -> ConvertedExport.write(model, out, false)));
        }
        DenseNetSpec other = SmallNetworks.denseNet(Stem.SMALL);
        Path dense = new RandomModel(other, 1).write(folder.resolve("dense.safetensors"));
        try (Model model = Model.open(dense)) {
            assertEquals(
                    "the weights are those of " + other + "; only a CondenseNet can be converted",
                    refusal(() -> ConvertedExport.write(model, out, false)));
        }
    }

    private static String refusal(Executable write) {
        return assertThrows(IllegalArgumentException.class, write).getMessage();
    }

    /** The recorded converted file with one tensor changed, or, where it is null, left out. */
    private Path changed(String tensor, long[] longs, float[] floats) throws IOException {
        SafetensorsWriter writer = new SafetensorsWriter();
        try (Safetensors file = Safetensors.open(CONVERTED)) {
            for (String name : file.names()) {
                Tensor t = file.tensor(name);
                List<Integer> shape = t.shape().stream().map(Math::toIntExact).toList();
                if (name.startsWith("case.")
                        || name.equals(tensor) && longs == null && floats == null) {
                    continue;
                }
                if (t.type().isFloat()) {
                    float[] values = name.equals(tensor) ? floats : t.toFloats();
                    writer.floats(
                            name,
                            values.length == t.count() ? shape : List.of(values.length),
                            () -> values);
                } else {
                    long[] values = name.equals(tensor) ? longs : t.toLongs();
                    writer.longs(name, List.of(values.length), () -> values);
                }
            }
            Path path = folder.resolve("changed.safetensors");
            writer.write(path);
            return path;
        }
    }

    private void refused(String message, Path path) {
        assertEquals(
                path + ": " + message,
                assertThrows(IOException.class, () -> Model.open(path)).getMessage());
    }

    @Test
    void indicesThatDoNotFitAreRefusedInOneLine() throws IOException {
        long[] index;
        try (Safetensors file = Safetensors.open(CONVERTED)) {
            index = file.tensor(FIRST + "index").toLongs();
        }
        long[] beyond = index.clone();
        beyond[3] = 16;
        refused(
                "the index '" + FIRST + "index' names input 16, of 16 from 0 on",
                changed(FIRST + "index", beyond, null));
        long[] twice = index.clone();
        twice[1] = twice[0];
        refused(
                "the index '" + FIRST + "index' names an input of a group twice",
                changed(FIRST + "index", twice, null));
        refused(
                "the index '"
                        + FIRST
                        + "index' has 15 inputs, which are not those of groups of 4 that 32 outputs"
                        + " are divided into",
                changed(FIRST + "index", Arrays.copyOf(index, 15), null));
        refused(
                "the index 'classifier.index' has 3 inputs, its weights 36",
                changed("classifier.index", new long[] {0, 1, 2}, null));
        refused(
                "the tensor '" + FIRST + "norm.bias' has 15 values, its index 16",
                changed(FIRST + "norm.bias", null, new float[15]));
        refused(
                "is a converted CondenseNet without the tensor 'features.init_conv.weight'",
                changed("features.init_conv.weight", null, null));
    }
}

package org.densenet4j.weights;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceUse;
import org.densenet4j.data.Normalisation;
import org.densenet4j.engine.Network;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.inference.ImagePreparation;
import org.densenet4j.io.Safetensors;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.io.pth.PthWriter;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.NetworkShape;
import org.densenet4j.train.Checkpoint;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;

class WeightsTest {
    private static final DenseNetSpec SPEC =
            DenseNetSpec.densenet121().layersPerBlock(2, 1).inputSize(32).classes(4).build();

    @TempDir private Path folder;
    private Device device;
    private Network network;

    @BeforeEach
    void open() {
        device = Device.cpu();
        network = Network.open(MemoryPlan.of(SPEC).batch(1).on(device), device, 1);
    }

    @AfterEach
    void close() {
        network.close();
        device.close();
    }

    private static void add(SafetensorsWriter writer, NetworkShape shape, RandomModel model) {
        for (List<ParameterSpec> tensors : List.of(shape.parameters(), shape.buffers())) {
            for (ParameterSpec p : tensors) {
                writer.floats(p.name(), p.shape(), () -> model.values(p.name()));
            }
        }
    }

    private void assertLoaded(RandomModel model) {
        for (ParameterSpec p : network.parameters()) {
            assertArrayEquals(model.values(p.name()), network.parameter(p.name()), p.name());
        }
        for (ParameterSpec p : network.runningStatistics()) {
            assertArrayEquals(model.values(p.name()), network.runningStatistic(p.name()), p.name());
        }
    }

    @Test
    void loadsTorchvisionsNamesOldAndNewWrappedOrNot() throws IOException {
        List<UnaryOperator<String>> styles =
                List.of(
                        name -> name,
                        name -> name.replaceAll("(denselayer\\d+\\.(?:norm|conv))([12])", "$1.$2"),
                        name -> "module." + name,
                        name -> "_orig_mod.module." + name,
                        name -> "model." + name.replace("norm5", "norm_final"));
        long seed = 0;
        for (UnaryOperator<String> style : styles) {
            RandomModel model = new RandomModel(SPEC, seed++);
            Path path = model.writeForeign(folder.resolve("w.safetensors"), style);
            WeightReport report = Weights.load(path, network, LoadOptions.strict());
            assertTrue(report.problems().isEmpty());
            assertLoaded(model);
        }
    }

    @Test
    void loadsPyTorchCheckpointsOfBothFormats() throws IOException {
        RandomModel zip = new RandomModel(SPEC, 5);
        Path path = folder.resolve("w.pth");
        PthWriter writer = new PthWriter(List.of("state_dict"), false);
        Weights.load(
                zip.pth(writer, name -> "module." + name).writeZip(path),
                network,
                LoadOptions.strict());
        assertLoaded(zip);
        RandomModel old = new RandomModel(SPEC, 6);
        Weights.load(
                old.pth(
                                new PthWriter(List.of(), true),
                                name ->
                                        name.replaceAll(
                                                "(denselayer\\d+\\.(?:norm|conv))([12])", "$1.$2"))
                        .writeLegacy(path),
                network,
                LoadOptions.strict());
        assertLoaded(old);
    }

    @Test
    void resetsTheHeadForOtherClasses() throws IOException {
        RandomModel model = new RandomModel(SPEC.toBuilder().classes(1000).build(), 7);
        Path path = model.writeForeign(folder.resolve("w.safetensors"), name -> name);
        WeightsException e =
                assertThrows(
                        WeightsException.class,
                        () -> Weights.load(path, network, LoadOptions.strict()));
        assertTrue(e.getMessage().contains("--reset-head"), e.getMessage());
        assertFalse(e.getMessage().contains("\n"));
        assertEquals(2, e.report().misshaped().size());
        float[] untouched = network.parameter("classifier.weight");

        Weights.load(path, network, LoadOptions.strict().withResetHead(true).withSeed(3));
        assertArrayEquals(
                model.values("features.conv0.weight"), network.parameter("features.conv0.weight"));
        float[] fresh = network.parameter("classifier.weight");
        assertFalse(Arrays.equals(untouched, fresh), "another seed draws another head");
        Weights.load(path, network, LoadOptions.strict().withResetHead(true).withSeed(1));
        assertArrayEquals(untouched, network.parameter("classifier.weight"));
    }

    @Test
    void listsWhatDoesNotFitAndChangesNothing() throws IOException {
        RandomModel model = new RandomModel(SPEC, 8);
        SafetensorsWriter writer = new SafetensorsWriter();
        NetworkShape shape = NetworkShape.of(SPEC);
        for (ParameterSpec p : shape.parameters()) {
            if (p.name().equals("features.norm0.weight")) {
                continue;
            }
            if (p.name().equals("features.transition1.conv.weight")) {
                writer.floats(p.name(), List.of(2, 2), () -> new float[4]);
            } else if (p.name().equals("classifier.bias")) {
                writer.longs(p.name(), p.shape(), () -> new long[4]);
            } else {
                writer.floats(p.name(), p.shape(), () -> model.values(p.name()));
            }
        }
        for (ParameterSpec p : shape.buffers()) {
            writer.floats(p.name(), p.shape(), () -> model.values(p.name()));
        }
        writer.floats("features.extra.weight", List.of(1), () -> new float[1]);
        Path path = folder.resolve("bad.safetensors");
        writer.write(path);
        float[] before = network.parameter("features.conv0.weight");
        WeightsException e =
                assertThrows(
                        WeightsException.class,
                        () -> Weights.load(path, network, LoadOptions.strict()));
        assertArrayEquals(before, network.parameter("features.conv0.weight"));
        assertEquals(List.of("features.norm0.weight"), e.report().missing());
        assertEquals(List.of("features.extra.weight"), e.report().unexpected());
        assertEquals(
                List.of("features.transition1.conv.weight", "classifier.bias"),
                e.report().misshaped().stream().map(WeightReport.Mismatch::name).toList());
        assertEquals(4, e.report().problems().size());
        assertTrue(
                e.getMessage().contains("1 tensors missing, 2 mis-shaped, 1 unexpected"),
                e.getMessage());
    }

    @Test
    void unexpectedTensorsNeedToBeAllowed() throws IOException {
        RandomModel model = new RandomModel(SPEC, 9);
        Path path = folder.resolve("extra.safetensors");
        SafetensorsWriter writer = new SafetensorsWriter();
        NetworkShape shape = NetworkShape.of(SPEC);
        add(writer, shape, model);
        writer.floats("thresholds", List.of(2), () -> new float[2]);
        writer.write(path);
        WeightsException e =
                assertThrows(
                        WeightsException.class,
                        () -> Weights.load(path, network, LoadOptions.strict()));
        assertTrue(e.getMessage().contains("--ignore-unexpected"), e.getMessage());
        Weights.load(path, network, LoadOptions.strict().withIgnoreUnexpected(true));
        assertLoaded(model);
    }

    private Path withType(String tensor, String type) throws IOException {
        RandomModel model = new RandomModel(SPEC, 3);
        Path path = folder.resolve("types.safetensors");
        SafetensorsWriter writer = new SafetensorsWriter();
        add(writer, NetworkShape.of(SPEC), model);
        writer.floats("scales.x", List.of(2), () -> new float[2]).write(path);
        String before = '"' + tensor + "\":{\"dtype\":\"F32\"";
        String bytes = Files.readString(path, StandardCharsets.ISO_8859_1);
        assertTrue(bytes.contains(before));
        Files.writeString(
                path,
                bytes.replace(before, before.replace("F32", type)),
                StandardCharsets.ISO_8859_1);
        return path;
    }

    @Test
    void aTypeThatIsNotReadIsNamedWhereItIsWantedAndElseNoError() throws IOException {
        Path unneeded = withType("scales.x", "F8E");
        Weights.load(unneeded, network, LoadOptions.strict());
        assertLoaded(new RandomModel(SPEC, 3));
        Path needed = withType("features.norm0.weight", "F8E");
        LoadOptions lenient = LoadOptions.strict().withIgnoreUnexpected(true);
        WeightsException e =
                assertThrows(WeightsException.class, () -> Weights.load(needed, network, lenient));
        assertTrue(
                e.getMessage().contains("features.norm0.weight is F8E [64], which is not read"),
                e.getMessage());
        Path head = withType("classifier.bias", "F8E");
        assertThrows(WeightsException.class, () -> Weights.load(head, network, lenient));
        Weights.load(head, network, lenient.withResetHead(true));
    }

    @Test
    void aModelTakesItsNumberOfClassesFromTheFile() throws IOException {
        RandomModel random = new RandomModel(SPEC, 1);
        Path path = random.writeForeign(folder.resolve("w.safetensors"), name -> name);
        DenseNetSpec wanted = SPEC.toBuilder().classes(1000).build();
        try (Model model = Model.open(path, wanted, LoadOptions.strict())) {
            assertEquals(4, model.spec().classes());
            assertEquals(List.of("class 0", "class 1", "class 2", "class 3"), model.classNames());
        }
    }

    @Test
    void anExportIsReadBackWithItsNames() throws IOException {
        RandomModel random = new RandomModel(SPEC, 2);
        Path path = folder.resolve("export.safetensors");
        List<String> names = List.of("a", "b \"quoted\"", "ç", "d");
        try (Model model = Model.open(random.write(folder.resolve("m.safetensors")))) {
            SafetensorsExport.write(
                    model.withClassNames(names)
                            .withNormalisation(
                                    new Normalisation(
                                            new float[] {0.1f, 0.2f, 0.3f}, new float[] {1, 2, 3})),
                    path);
        }
        try (Model model = Model.open(path);
                Safetensors file = Safetensors.open(path)) {
            assertEquals(SPEC, model.spec());
            assertEquals(names, model.classNames());
            assertArrayEquals(new float[] {0.1f, 0.2f, 0.3f}, model.normalisation().mean());
            for (ParameterSpec p : NetworkShape.of(SPEC).parameters()) {
                assertArrayEquals(random.values(p.name()), model.values(p.name()));
            }
            // Exactly torchvision's state dict.
            assertTrue(file.contains("features.norm0.num_batches_tracked"));
            int norms = NetworkShape.of(SPEC).buffers().size() / 2;
            assertEquals(
                    NetworkShape.of(SPEC).parameters().size() + 3 * norms, file.names().size());
            assertEquals("pt", file.metadata().get("format"));
        }
    }

    @Test
    void readsTheNotesOfTrainingRuns() throws IOException {
        RandomModel random = new RandomModel(SPEC, 2);
        SafetensorsWriter writer = new SafetensorsWriter();
        Checkpoint.specMetadata(SPEC).forEach(writer::metadata);
        writer.metadata("data.classes", "ant\nbee\ncat\ndog")
                .metadata("data.mean", "0.5,0.25,0.125")
                .metadata("data.deviation", "1.0,0.5,0.25");
        NetworkShape shape = NetworkShape.of(SPEC);
        add(writer, shape, random);
        Path path = folder.resolve("run.safetensors");
        writer.write(path);
        try (Model model = Model.open(path)) {
            assertEquals(List.of("ant", "bee", "cat", "dog"), model.classNames());
            assertArrayEquals(new float[] {0.5f, 0.25f, 0.125f}, model.normalisation().mean());
            assertArrayEquals(new float[] {1, 0.5f, 0.25f}, model.normalisation().deviation());
        }
    }

    @Test
    void brokenNotesAreOneClearError() throws IOException {
        RandomModel random = new RandomModel(SPEC, 2);
        for (String[] note :
                List.of(
                        new String[] {"classes", "[\"a\"]"},
                        new String[] {"classes", "nonsense"},
                        new String[] {"classes", "[1, 2, 3, 4]"})) {
            SafetensorsWriter writer = new SafetensorsWriter();
            Checkpoint.specMetadata(SPEC).forEach(writer::metadata);
            writer.metadata(note[0], note[1]);
            NetworkShape shape = NetworkShape.of(SPEC);
            add(writer, shape, random);
            Path path = folder.resolve("broken.safetensors");
            writer.write(path);
            IOException e = assertThrows(IOException.class, () -> Model.open(path));
            assertTrue(e.getMessage().startsWith(path + ": "), e.getMessage());
            assertTrue(Files.deleteIfExists(path), "the file is closed");
        }
    }

    @Test
    void whatIsNotOfTheModelIsRefusedByItsName() throws IOException {
        Path path = new RandomModel(SPEC, 2).write(folder.resolve("m.safetensors"));
        try (Model model = Model.open(path)) {
            for (int channels : new int[] {1, 4}) {
                float[] ones = new float[channels];
                Arrays.fill(ones, 1);
                Normalisation other = new Normalisation(ones, ones);
                says(channels + " channels", () -> model.withNormalisation(other));
                says(channels + " channels", () -> ImagePreparation.of(SPEC, other));
            }
            says("'nope'", () -> model.values("nope"));
        }
    }

    private static void says(String part, Executable call) {
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class, call);
        assertTrue(e.getMessage().contains(part), e.getMessage());
    }

    @Test
    void argumentsThatAreNullAreRefusedByTheirNames() throws IOException {
        Path path = new RandomModel(SPEC, 2).write(folder.resolve("m.safetensors"));
        try (Model model = Model.open(path)) {
            isNull("names", () -> model.withClassNames(null));
            isNull("name", () -> model.values(null));
            isNull("network", () -> Weights.load(path, null, LoadOptions.strict()));
            isNull("options", () -> Weights.load(path, network, null));
            isNull("path", () -> Weights.load(null, network, LoadOptions.strict()));
            isNull("model", () -> SafetensorsExport.write(null, path));
        }
    }

    private static void isNull(String name, Executable call) {
        assertEquals(name, assertThrows(NullPointerException.class, call).getMessage());
    }

    /** A second network that waits for the device gets it after the load, not in between. */
    @Test
    void aLoadIsOneOperation() throws Exception {
        Path path = new RandomModel(SPEC, 2).write(folder.resolve("m.safetensors"));
        Thread loading =
                new Thread(
                        () -> {
                            try {
                                Weights.load(path, network, LoadOptions.strict());
                            } catch (IOException e) {
                                throw new UncheckedIOException(e);
                            }
                        });
        try (Network other = Network.open(MemoryPlan.of(SPEC).batch(1).on(device), device, 1)) {
            try (DeviceUse _ = other.use()) {
                loading.start();
                awaitUntilItWaits(loading);
            }
            try (DeviceUse _ = other.use()) {
                awaitUntilItWaits(loading);
                assertFalse(loading.isAlive(), "the load waits in the middle");
            }
        } finally {
            loading.join();
        }
    }

    /** Until a thread waits for the device or has ended. */
    private static void awaitUntilItWaits(Thread thread) {
        while (thread.isAlive() && thread.getState() != Thread.State.WAITING) {
            Thread.onSpinWait();
        }
    }
}

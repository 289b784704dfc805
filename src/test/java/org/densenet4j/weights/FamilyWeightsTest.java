package org.densenet4j.weights;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.engine.Network;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.io.pth.PthWriter;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.spec.FcDenseNetSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Weights of networks of every family, and of graphs of one's own, in and out. */
class FamilyWeightsTest {
    private static final int BATCH = 2;
    private static final double TOLERANCE = 1e-5;

    @TempDir private Path folder;

    static Stream<NetworkSpec> networks() {
        return Stream.concat(
                SmallNetworks.all(),
                Stream.of(
                        SmallNetworks.fcDenseNet().toBuilder()
                                .evaluatesWithBatchStatistics(true)
                                .build()));
    }

    private static Device device() {
        return Device.open("cpu", DeviceOptions.defaults().withThreads(1));
    }

    /** What a model computes for inference, and what the engine does with the same weights. */
    private static void assertSameLogits(RandomModel random, Model model) throws IOException {
        float[] images = random.images(BATCH, 7);
        try (Device device = device()) {
            float[] found = RandomModel.logits(device, model, images, BATCH);
            float[] expected = random.expectedLogits(device, images, BATCH);
            double error = RandomModel.error(expected, found);
            assertTrue(error < TOLERANCE, model.spec() + ": " + error);
        }
    }

    @ParameterizedTest
    @MethodSource("networks")
    void whatIsRecordedIsExportedAndOpenedAgainWithTheSameLogits(NetworkSpec spec)
            throws IOException {
        RandomModel random = new RandomModel(spec, 1);
        Path checkpoint = random.write(folder.resolve("checkpoint.safetensors"));
        Path export = folder.resolve("export.safetensors");
        try (Model model = Model.open(checkpoint)) {
            assertEquals(spec.graph().parameters(), model.spec().graph().parameters());
            assertSameLogits(random, model);
            SafetensorsExport.write(model, export);
        }
        try (Model model = Model.open(export)) {
            assertTrue(model.report().problems().isEmpty());
            assertSameLogits(random, model);
        }
    }

    @ParameterizedTest
    @MethodSource("networks")
    void filesOfOthersAreReadIntoANetworkThatIsGiven(NetworkSpec spec) throws IOException {
        RandomModel random = new RandomModel(spec, 2);
        Path wrapped = random.writeForeign(folder.resolve("w.st"), name -> "module." + name);
        try (Model model = Model.open(wrapped, spec, LoadOptions.strict())) {
            assertEquals(spec, model.spec());
            assertSameLogits(random, model);
        }
        Path checkpoint =
                random.pth(new PthWriter(List.of("state_dict"), false), name -> name)
                        .writeZip(folder.resolve("w.pth"));
        try (Device device = device();
                Network network = Network.open(MemoryPlan.of(spec).on(device), device, 3)) {
            WeightReport report = Weights.load(checkpoint, network, LoadOptions.strict());
            assertEquals(SmallNetworks.tensors(spec), report.matched());
            assertEquals(Untold.of(spec), report.untold());
            for (ParameterSpec p : spec.graph().parameters()) {
                assertArrayEquals(random.values(p.name()), network.parameter(p.name()), p.name());
            }
        }
    }

    @ParameterizedTest
    @MethodSource("networks")
    void exportsHaveExactlyTheNamesThatThePyTorchNetworkSaves(NetworkSpec spec) throws IOException {
        Path checkpoint = new RandomModel(spec, 1).write(folder.resolve("c.safetensors"));
        Path export = folder.resolve("e.safetensors");
        try (Model model = Model.open(checkpoint)) {
            SafetensorsExport.write(model, export);
        }
        try (var file = WeightFile.open(export)) {
            List<String> names =
                    file.names().stream()
                            .filter(name -> !name.endsWith("num_batches_tracked"))
                            .sorted()
                            .toList();
            assertEquals(SmallNetworks.tensors(spec).stream().sorted().toList(), names);
        }
    }

    @ParameterizedTest
    @MethodSource("networks")
    void aHeadThatIsResetIsDrawnAsTheFamilyBegins(NetworkSpec spec) throws IOException {
        RandomModel random = new RandomModel(spec, 4);
        Path path = random.write(folder.resolve("w.safetensors"));
        Head head = Head.of(spec.graph());
        try (Device device = device();
                Network fresh = Network.open(MemoryPlan.of(spec).on(device), device, 5);
                Network network = Network.open(MemoryPlan.of(spec).on(device), device, 6)) {
            Weights.load(path, network, LoadOptions.strict().withResetHead(true).withSeed(5));
            for (ParameterSpec p : spec.graph().parameters()) {
                float[] expected =
                        head.has(p.name()) ? fresh.parameter(p.name()) : random.values(p.name());
                assertArrayEquals(expected, network.parameter(p.name()), p.name());
            }
        }
    }

    @Test
    void theGraphOfAModelIsOfTheClassesThatTheFileHas() throws IOException {
        FcDenseNetSpec spec = SmallNetworks.fcDenseNet();
        Path path = new RandomModel(spec, 1).writeForeign(folder.resolve("w.st"), name -> name);
        FcDenseNetSpec eleven = spec.toBuilder().classes(11).build();
        try (Model model = Model.open(path, eleven, LoadOptions.strict())) {
            assertEquals(4, model.spec().classes());
        }
    }
}

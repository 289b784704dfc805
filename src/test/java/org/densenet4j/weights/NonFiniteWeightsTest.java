package org.densenet4j.weights;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.engine.Network;
import org.densenet4j.io.ElementType;
import org.densenet4j.io.Safetensors;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.io.pth.PthWriter;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.train.Checkpoint;
import org.densenet4j.train.Trainer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Weights and statistics with which nothing could be computed are refused when they are loaded. */
class NonFiniteWeightsTest {
    private static final DenseNetSpec SPEC = DenseNetSpec.bc(10, 4).inputSize(8).classes(3).build();

    private static final Map<String, Float> UNUSABLE =
            Map.of(
                    "features.conv0.weight", Float.NaN,
                    "features.norm5.weight", Float.POSITIVE_INFINITY,
                    "features.norm5.running_mean", Float.NEGATIVE_INFINITY,
                    "features.norm5.running_var", -0.25f,
                    "classifier.bias", Float.NaN);

    @TempDir private Path folder;

    private static void assertNamed(Path path, String tensor, float value, Executable reading) {
        IOException e = assertThrows(IOException.class, reading);
        assertTrue(e.getMessage().startsWith(path + ": "), e.getMessage());
        assertTrue(e.getMessage().contains("'" + tensor + "'"), e.getMessage());
        assertTrue(e.getMessage().contains(String.valueOf(value)), e.getMessage());
        assertEquals(1, e.getMessage().lines().count());
    }

    @Test
    void modelsAndNetworksRefuseThemByTheTensorsName() throws IOException {
        try (Device device = Device.cpu();
                Network network = Network.open(MemoryPlan.of(SPEC).on(device), device, 1)) {
            for (Map.Entry<String, Float> bad : UNUSABLE.entrySet()) {
                RandomModel random = new RandomModel(SPEC, 1);
                float[] values = random.values(bad.getKey());
                values[values.length - 1] = bad.getValue();
                for (Path path :
                        List.of(
                                random.write(folder.resolve("m.safetensors")),
                                random.pth(new PthWriter(), n -> n)
                                        .writeZip(folder.resolve("m.pth")))) {
                    assertNamed(
                            path,
                            bad.getKey(),
                            bad.getValue(),
                            () -> Model.open(path, SPEC, LoadOptions.strict()).close());
                    float[] before = network.parameter("features.conv0.weight");
                    assertNamed(
                            path,
                            bad.getKey(),
                            bad.getValue(),
                            () -> Weights.load(path, network, LoadOptions.strict()));
                    assertArrayEquals(before, network.parameter("features.conv0.weight"));
                }
            }
        }
    }

    @Test
    void aHeadThatIsNotTakenMayBeAnything() throws IOException {
        RandomModel random = new RandomModel(SPEC, 1);
        random.values("classifier.bias")[0] = Float.NaN;
        Path path = random.write(folder.resolve("m.safetensors"));
        try (Device device = Device.cpu();
                Network network = Network.open(MemoryPlan.of(SPEC).on(device), device, 1)) {
            Weights.load(path, network, LoadOptions.strict().withResetHead(true));
        }
    }

    @Test
    void valuesBeyondSinglePrecisionAreNotFinite() throws IOException {
        byte[] large = {0, 0, 0, 0, 0, 0, (byte) 0xf0, 0x7e};
        DenseNetSpec one =
                DenseNetSpec.builder()
                        .growthRate(1)
                        .layersPerBlock(1)
                        .initialChannels(1)
                        .classes(1)
                        .build();
        RandomModel small = new RandomModel(one, 1);
        PthWriter doubles = small.pth(new PthWriter(), n -> n);
        doubles.view(
                "classifier.bias",
                new PthWriter.View(
                        "large", ElementType.F64, large, 0, new int[] {1}, new int[] {1}));
        Path path = doubles.writeZip(folder.resolve("d.pth"));
        assertNamed(
                path,
                "classifier.bias",
                Float.POSITIVE_INFINITY,
                () -> Model.open(path, one, LoadOptions.strict()).close());
    }

    /** A sealed copy of a checkpoint in which the last value of one tensor is another. */
    private static void copyWith(Path from, Path to, String changed, float value)
            throws IOException {
        SafetensorsWriter writer = new SafetensorsWriter();
        try (Safetensors saved = Safetensors.open(from)) {
            saved.metadata().forEach(writer::metadata);
            for (String name : saved.names()) {
                float[] values = saved.tensor(name).toFloats();
                if (name.equals(changed)) {
                    values[values.length - 1] = value;
                }
                writer.floats(
                        name,
                        saved.tensor(name).shape().stream().map(Math::toIntExact).toList(),
                        () -> values);
            }
            writer.sealed().write(to);
        }
    }

    @Test
    void aTrainerRefusesThemInWeightsStatisticsAndVelocities() throws IOException {
        Path good = folder.resolve("good.safetensors");
        Path bad = folder.resolve("bad.safetensors");
        try (Device device = Device.cpu();
                Trainer trainer = Trainer.of(SPEC, device).batch(1).open()) {
            trainer.save(good);
            copyWith(good, bad, "none", 0);
            trainer.load(bad);
            float[] before = trainer.network().parameter("classifier.weight");
            for (Map.Entry<String, Float> one :
                    Map.of(
                                    "classifier.bias", Float.NaN,
                                    "features.norm5.running_var", -1f,
                                    "optimizer.velocity.features.conv0.weight",
                                            Float.NEGATIVE_INFINITY)
                            .entrySet()) {
                copyWith(good, bad, one.getKey(), one.getValue());
                assertNamed(bad, one.getKey(), one.getValue(), () -> trainer.load(bad));
                assertArrayEquals(before, trainer.network().parameter("classifier.weight"));
            }
        }
    }

    @Test
    void aNormalisationThatIsNotFiniteNamesTheFile() throws IOException {
        RandomModel random = new RandomModel(SPEC, 1);
        Path path = folder.resolve("n.safetensors");
        for (String mean : List.of("[1e999, 0, 0]", "[NaN, 0, 0]")) {
            SafetensorsWriter writer = new SafetensorsWriter();
            Checkpoint.specMetadata(SPEC).forEach(writer::metadata);
            writer.metadata("normalisation.mean", mean)
                    .metadata("normalisation.deviation", "[1, 1, 1]");
            random.tensors()
                    .forEach(
                            p -> writer.floats(p.name(), p.shape(), () -> random.values(p.name())));
            writer.write(path);
            IOException e = assertThrows(IOException.class, () -> Model.open(path).close());
            assertTrue(e.getMessage().startsWith(path + ": "), e.getMessage());
            assertTrue(e.getMessage().contains("normalisation"), e.getMessage());
        }
    }
}

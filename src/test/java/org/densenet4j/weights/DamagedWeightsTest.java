package org.densenet4j.weights;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.engine.Network;
import org.densenet4j.inference.Predictor;
import org.densenet4j.insight.FeatureReuse;
import org.densenet4j.io.Safetensors;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.train.Checkpoint;
import org.densenet4j.train.Trainer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Whoever reads a file with a checksum finds out that it is damaged. */
class DamagedWeightsTest {
    private static final DenseNetSpec SPEC = DenseNetSpec.bc(10, 4).inputSize(8).classes(3).build();

    @TempDir private Path folder;

    private Path checkpoint() throws IOException {
        Path path = folder.resolve("checkpoint.safetensors");
        try (Device device = Device.cpu();
                Trainer trainer = Trainer.of(SPEC, device).batch(1).open()) {
            trainer.save(path);
        }
        return path;
    }

    private static void flip(Path path, double share) throws IOException {
        byte[] bytes = Files.readAllBytes(path);
        bytes[(int) (share * (bytes.length - 1))] ^= 1;
        Files.write(path, bytes);
    }

    private static void assertDamaged(Path path, Executable reading) {
        IOException e = assertThrows(IOException.class, reading);
        assertTrue(e.getMessage().startsWith(path + ": is damaged"), e.getMessage());
        assertEquals(1, e.getMessage().lines().count());
    }

    @Test
    void everyReaderRefusesADamagedCheckpoint() throws IOException {
        for (double share : new double[] {0.5, 0.8, 1}) {
            Path path = checkpoint();
            flip(path, share);
            assertDamaged(path, () -> Model.open(path).close());
            assertDamaged(path, () -> Predictor.open(path).close());
            assertDamaged(path, () -> FeatureReuse.read(path));
            assertDamaged(path, () -> Weights.images(path));
            assertDamaged(path, () -> Checkpoint.spec(path));
            assertDamaged(path, () -> Checkpoint.metadata(path));
            try (Device device = Device.cpu();
                    Network network = Network.open(MemoryPlan.of(SPEC).on(device), device, 1)) {
                assertDamaged(path, () -> Weights.load(path, network, LoadOptions.strict()));
            }
        }
    }

    @Test
    void damageToTheMetadataIsFoundToo() throws IOException {
        Path path = checkpoint();
        String whole = Files.readString(path, StandardCharsets.ISO_8859_1);
        for (String damage : List.of("densenet4k-checkpoint-1", "spec.growthRatf")) {
            String before =
                    damage.startsWith("dense") ? "densenet4j-checkpoint-1" : "spec.growthRate";
            Files.writeString(
                    path, whole.replaceFirst(before, damage), StandardCharsets.ISO_8859_1);
            assertDamaged(path, () -> Model.open(path).close());
        }
    }

    @Test
    void exportsAreSealed() throws IOException {
        Path export = folder.resolve("export.safetensors");
        try (Model model = Model.open(checkpoint())) {
            SafetensorsExport.write(model, export);
        }
        try (Safetensors file = Safetensors.open(export)) {
            assertTrue(file.verify());
        }
        Model.open(export).close();
        flip(export, 0.6);
        assertDamaged(export, () -> Model.open(export).close());
    }

    @Test
    void anEntryOfThatNameInFilesOfOthersMeansNothingHere() throws IOException {
        RandomModel random = new RandomModel(SPEC, 1);
        Path path = folder.resolve("foreign.safetensors");
        SafetensorsWriter writer = new SafetensorsWriter();
        writer.metadata("format", "pt").metadata("sha256", "0123456789".repeat(7));
        random.tensors()
                .forEach(p -> writer.floats(p.name(), p.shape(), () -> random.values(p.name())));
        writer.write(path);
        Model.open(path, SPEC, LoadOptions.strict()).close();
    }
}

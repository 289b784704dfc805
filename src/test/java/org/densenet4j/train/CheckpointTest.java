package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.weights.Model;
import org.densenet4j.weights.RandomModel;
import org.densenet4j.weights.SafetensorsExport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;

/** What is said of files that a trainer does not continue from. */
class CheckpointTest {
    private static final DenseNetSpec SPEC =
            DenseNetSpec.preset("bc-10-4").classes(2).inputSize(8).build();

    @TempDir private Path folder;
    private Device device;

    @BeforeEach
    void open() {
        device = Device.cpu();
    }

    @AfterEach
    void close() {
        device.close();
    }

    private IOException refused(Path path, DenseNetSpec spec) {
        try (Trainer trainer = Trainer.of(spec, device).batch(2).open()) {
            return assertThrows(IOException.class, () -> trainer.load(path));
        }
    }

    @Test
    void weightsOfOthersAndExportsAreNoCheckpointsRatherThanDamaged() throws IOException {
        RandomModel random = new RandomModel(SPEC, 1);
        Path export = folder.resolve("export.safetensors");
        try (Model model = Model.open(random.write(folder.resolve("model.safetensors")))) {
            SafetensorsExport.write(model, export);
        }
        Path foreign = random.writeForeign(folder.resolve("foreign.safetensors"), name -> name);
        for (Path path : new Path[] {export, foreign}) {
            IOException e = refused(path, SPEC);
            assertTrue(e.getMessage().contains("is not a checkpoint"), e.getMessage());
            assertTrue(e.getMessage().contains("Weights.load"), e.getMessage());
            assertFalse(e.getMessage().contains("damaged"), e.getMessage());
        }
    }

    @Test
    void everyFieldThatDiffersIsNamed() throws IOException {
        Path path = folder.resolve("checkpoint.safetensors");
        DenseNetSpec other = SPEC.toBuilder().dropout(0.25).bnEpsilon(0.001).build();
        try (Trainer trainer = Trainer.of(other, device).batch(2).open()) {
            trainer.save(path);
        }
        IOException e = refused(path, SPEC);
        assertTrue(
                e.getMessage().endsWith(": dropout 0.25, not 0.0; bnEpsilon 0.001, not 1.0E-5"),
                e.getMessage());
    }
}

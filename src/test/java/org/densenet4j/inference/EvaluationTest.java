package org.densenet4j.inference;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.BatchLoader;
import org.densenet4j.data.Cifar;
import org.densenet4j.data.Dataset;
import org.densenet4j.data.Glyphs;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.train.Trainer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;

class EvaluationTest {
    @TempDir private Path folder;

    @Test
    void outputsThatAreNotFiniteAreAnErrorAndNoAccuracy() throws IOException {
        Glyphs.generate(folder.resolve("glyphs"), 5, 10, 1);
        Dataset test = Cifar.cifar10(folder.resolve("glyphs")).test();
        DenseNetSpec spec = DenseNetSpec.preset("bc-10-4").classes(10).build();
        Path file = folder.resolve("huge.safetensors");
        try (Device device = Device.open("cpu", new DeviceOptions(1, true, true));
                Trainer trainer = Trainer.of(spec, device).batch(4).open()) {
            float[] weights = trainer.network().parameter("classifier.weight");
            Arrays.fill(weights, Float.MAX_VALUE); // finite, and too large for a sum
            trainer.network().parameter("classifier.weight", weights);
            trainer.save(file);
        }
        try (Predictor predictor = Predictor.open(file)) {
            BatchLoader images = BatchLoader.of(test).batch(4);
            IllegalArgumentException e =
                    assertThrows(
                            IllegalArgumentException.class, () -> Evaluation.of(predictor, images));
            assertTrue(e.getMessage().contains("not finite"), e.getMessage());
        }
    }
}

package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.Batch;
import org.densenet4j.data.BatchLoader;
import org.densenet4j.data.Cifar;
import org.densenet4j.data.Glyphs;
import org.densenet4j.data.Normalisation;
import org.densenet4j.reference.RandomCase;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.ParameterSpec;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;

/** Training with activations in bfloat16 beside training in single precision. */
class PrecisionTest {
    private static final DenseNetSpec SPEC = DenseNetSpec.bc(16, 8).classes(10).build();
    private static final int IMAGES = 800;
    private static final int BATCH = 32;
    private static final int EPOCHS = 3;

    /** Steps whose losses are averaged. */
    private static final int WINDOW = 15;

    /** Largest difference of averaged losses, as a share of the first of them. */
    private static final double LOSS_TOLERANCE = 0.06;

    /** Largest difference of test accuracies. */
    private static final double ACCURACY_TOLERANCE = 0.05;

    private static final DeviceOptions OPTIONS = new DeviceOptions(2, true, true);

    @TempDir private Path folder;

    @BeforeEach
    void assumeBFloat16() {
        try (Device device = Device.open("cpu", OPTIONS)) {
            assumeTrue(
                    device.supports(DataType.BFLOAT16), () -> "no bf16 on " + device.description());
        }
    }

    /**
     * A training run.
     *
     * @param losses of every step
     * @param accuracy on the test images
     */
    private record Curve(double[] losses, double accuracy) {
        double averaged(int window) {
            double sum = 0;
            for (int i = 0; i < WINDOW; i++) {
                sum += losses[window * WINDOW + i];
            }
            return sum / WINDOW;
        }
    }

    @Test
    void lossesAndAccuracyAreThoseOfSinglePrecision() throws IOException {
        Glyphs.generate(folder, IMAGES, 400, 1);
        Curve floats = train(DataType.FLOAT32);
        Curve halves = train(DataType.BFLOAT16);
        double allowed = LOSS_TOLERANCE * floats.averaged(0);
        for (int window = 0; window < floats.losses().length / WINDOW; window++) {
            assertEquals(
                    floats.averaged(window), halves.averaged(window), allowed, "window " + window);
        }
        assertTrue(floats.accuracy() > 0.6, "it learns: " + floats.accuracy());
        assertEquals(floats.accuracy(), halves.accuracy(), ACCURACY_TOLERANCE);
    }

    private Curve train(DataType precision) throws IOException {
        Cifar data = Cifar.cifar10(folder);
        Normalisation normalisation = Normalisation.of(data.train());
        BatchLoader images =
                BatchLoader.of(data.train()).batch(BATCH).shuffle(2).normalise(normalisation);
        double[] losses = new double[EPOCHS * IMAGES / BATCH];
        try (Device device = Device.open("cpu", OPTIONS);
                Trainer trainer = open(device, precision)) {
            assertEquals(precision, trainer.plan().precision());
            int step = 0;
            for (int epoch = 0; epoch < EPOCHS; epoch++) {
                try (BatchLoader.Epoch batches = images.epoch(epoch)) {
                    for (Batch batch : batches) {
                        trainer.learningRate(0.05 * (1 + Math.cos(Math.PI * step / losses.length)));
                        losses[step++] = trainer.step(batch).loss();
                    }
                }
            }
            return new Curve(losses, accuracy(trainer, data, normalisation));
        }
    }

    private static double accuracy(Trainer trainer, Cifar data, Normalisation normalisation) {
        int correct = 0;
        BatchLoader images = BatchLoader.of(data.test()).batch(BATCH).normalise(normalisation);
        try (BatchLoader.Epoch batches = images.epoch(0)) {
            for (Batch batch : batches) {
                correct += trainer.evaluate(batch).correct();
            }
        }
        return (double) correct / data.test().size();
    }

    private static Trainer open(Device device, DataType precision) {
        return Trainer.of(SPEC, device)
                .precision(precision)
                .batch(BATCH)
                .optimizer(Sgd.nesterov(0.1))
                .seed(5)
                .open();
    }

    @Test
    void aCheckpointOfEitherPrecisionIsLoadedInTheOther() throws IOException {
        for (DataType from : DataType.values()) {
            for (DataType to : DataType.values()) {
                Path file = folder.resolve(from + "-" + to + ".safetensors");
                try (Device device = Device.open("cpu", OPTIONS);
                        Trainer writer = open(device, from);
                        Trainer reader = open(device, to)) {
                    Batch batch = noise(writer);
                    writer.step(batch);
                    writer.step(batch);
                    writer.save(file, Map.of());
                    reader.load(file);
                    // Masters are float32 in both: they come over bit by bit.
                    for (ParameterSpec p : writer.network().parameters()) {
                        assertArrayEquals(
                                writer.network().parameter(p.name()),
                                reader.network().parameter(p.name()),
                                p.name());
                    }
                    double expected = writer.step(batch).loss();
                    double tolerance = from == to ? 0 : 0.02 * expected;
                    assertEquals(expected, reader.step(batch).loss(), tolerance, from + " " + to);
                }
            }
        }
    }

    private static Batch noise(Trainer trainer) {
        DenseNetSpec s = trainer.spec();
        RandomCase c = RandomCase.of(s, BATCH, 3);
        return new Batch(c.pixels, c.labels, s.inputHeight(), s.inputWidth(), s.inputChannels());
    }

    @Test
    void mastersMoveByStepsThatBFloat16CouldNotHold() {
        try (Device device = Device.open("cpu", OPTIONS);
                Trainer trainer = open(device, DataType.BFLOAT16)) {
            trainer.learningRate(1e-6);
            String name = "features.conv0.weight";
            float[] before = trainer.network().parameter(name);
            trainer.step(noise(trainer));
            float[] after = trainer.network().parameter(name);
            int moved = 0;
            for (int i = 0; i < before.length; i++) {
                moved += before[i] != after[i] ? 1 : 0;
            }
            assertTrue(moved > before.length / 2, moved + " of " + before.length);
        }
    }
}

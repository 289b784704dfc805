package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.Batch;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.spec.DenseNetSpec;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;

/** Training with activations in bfloat16 beside training in single precision. */
class PrecisionTest {
    private static final DenseNetSpec SPEC =
            DenseNetSpec.bc(16, 8)
                    .classes(StripeImages.CLASSES)
                    .inputSize(StripeImages.SIZE)
                    .inputChannels(1)
                    .build();
    private static final int BATCH = 32;
    private static final int STEPS = 300;
    private static final int TEST_BATCHES = 20;

    /** Steps whose losses are averaged. */
    private static final int WINDOW = 20;

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
    void lossesAndAccuracyAreThoseOfSinglePrecision() {
        Curve floats = train(DataType.FLOAT32);
        Curve halves = train(DataType.BFLOAT16);
        double allowed = LOSS_TOLERANCE * floats.averaged(0);
        for (int window = 0; window < STEPS / WINDOW; window++) {
            assertEquals(
                    floats.averaged(window), halves.averaged(window), allowed, "window " + window);
        }
        assertTrue(floats.accuracy() > 0.8, "it learns: " + floats.accuracy());
        assertEquals(floats.accuracy(), halves.accuracy(), ACCURACY_TOLERANCE);
    }

    private static Curve train(DataType precision) {
        double[] losses = new double[STEPS];
        try (Device device = Device.open("cpu", OPTIONS);
                Trainer trainer = open(device, precision)) {
            assertEquals(precision, trainer.plan().precision());
            for (int step = 0; step < STEPS; step++) {
                trainer.learningRate(0.05 * (1 + Math.cos(Math.PI * step / STEPS)));
                losses[step] = trainer.step(StripeImages.batch(BATCH, step)).loss();
            }
            int correct = 0;
            for (int batch = 0; batch < TEST_BATCHES; batch++) {
                correct += trainer.evaluate(StripeImages.batch(BATCH, -1 - batch)).correct();
            }
            return new Curve(losses, (double) correct / TEST_BATCHES / BATCH);
        }
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
                    Batch batch = StripeImages.batch(BATCH, 3);
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

    @Test
    void mastersMoveByStepsThatBFloat16CouldNotHold() {
        try (Device device = Device.open("cpu", OPTIONS);
                Trainer trainer = open(device, DataType.BFLOAT16)) {
            trainer.learningRate(1e-6);
            String name = "features.conv0.weight";
            float[] before = trainer.network().parameter(name);
            trainer.step(StripeImages.batch(BATCH, 3));
            float[] after = trainer.network().parameter(name);
            int moved = 0;
            for (int i = 0; i < before.length; i++) {
                moved += before[i] != after[i] ? 1 : 0;
            }
            assertTrue(moved > before.length / 4, moved + " of " + before.length);
        }
    }
}

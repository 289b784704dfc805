package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.SegmentationBatch;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.OptimiserStep.Decayed;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.spec.FcDenseNetSpec;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;

/** Optimisers of a trainer other than SGD, which has tests of its own. */
class OptimiserTest {
    private static final FcDenseNetSpec SPEC =
            FcDenseNetSpec.builder()
                    .growthRate(3)
                    .initialChannels(4)
                    .downLayers(1)
                    .bottleneckLayers(1)
                    .upLayers(1)
                    .dropout(0.2)
                    .classes(3)
                    .inputSize(6)
                    .build();

    private final Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(1));

    @AfterEach
    void closes() {
        device.close();
    }

    private Trainer trainer(Optimiser optimiser) {
        return Trainer.of(SPEC, device).batch(2).optimizer(optimiser).open();
    }

    private static SegmentationBatch batch(long seed) {
        Random random = new Random(seed);
        float[] images = new float[2 * 36 * 3];
        int[] labels = new int[2 * 36];
        for (int i = 0; i < images.length; i++) {
            images[i] = (float) random.nextGaussian();
        }
        for (int i = 0; i < labels.length; i++) {
            labels[i] = random.nextInt(-1, 3);
        }
        return new SegmentationBatch(images, labels, new int[2], 6, 6, 3, ImageMetadata.NONE);
    }

    /** In double precision, from the gradients that the network holds after each step. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void rmspropIsItsFormula(boolean inside) {
        Rmsprop rmsprop = new Rmsprop(1e-3, 0.9, 1e-4, inside, 0.02, Decayed.WEIGHTS_AND_SCALES);
        Map<String, double[]> squares = new HashMap<>();
        try (Trainer trainer = trainer(rmsprop)) {
            Network network = trainer.network();
            for (int step = 1; step <= 3; step++) {
                trainer.learningRate(1e-3 / step);
                Map<String, float[]> before = new HashMap<>();
                network.parameters()
                        .forEach(p -> before.put(p.name(), network.parameter(p.name())));
                trainer.step(batch(step));
                for (ParameterSpec p : network.parameters()) {
                    double[] r =
                            squares.computeIfAbsent(p.name(), _ -> new double[(int) p.count()]);
                    boolean decays = !p.name().endsWith(".bias");
                    float[] gradient = network.gradient(p.name());
                    float[] expected = new float[r.length];
                    for (int i = 0; i < r.length; i++) {
                        double value = before.get(p.name())[i];
                        double g = gradient[i] + (decays ? 0.02 * value : 0);
                        r[i] = 0.9 * r[i] + 0.1 * g * g;
                        double root = inside ? Math.sqrt(r[i] + 1e-4) : Math.sqrt(r[i]) + 1e-4;
                        expected[i] = (float) (value - 1e-3 / step * g / root);
                    }
                    assertArrayEquals(expected, network.parameter(p.name()), 2e-6f, p.name());
                }
            }
        }
    }

    @Test
    void aRunOfRmspropContinuesBitForBitAndNotBySgd(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("c.safetensors");
        try (Trainer whole = trainer(Rmsprop.ofFcDenseNet(1e-3));
                Trainer continued = trainer(Rmsprop.ofFcDenseNet(1));
                Trainer other = trainer(Sgd.nesterov(0.1))) {
            whole.step(batch(1));
            whole.save(file);
            whole.step(batch(2));
            continued.load(file);
            continued.step(batch(2));
            for (ParameterSpec p : whole.network().parameters()) {
                assertArrayEquals(
                        whole.network().parameter(p.name()),
                        continued.network().parameter(p.name()),
                        p.name());
            }
            assertEquals(SPEC, Checkpoint.spec(file));
            IOException e = assertThrows(IOException.class, () -> other.load(file));
            assertTrue(
                    e.getMessage()
                            .contains("was trained by rmsprop, and this trainer trains by sgd"),
                    e.getMessage());
            assertEquals(0, other.steps());
        }
    }

    @Test
    void settingsThatMakeNoStepAreRefused() {
        for (double[] wrong :
                new double[][] {
                    {-1, 0.9, 1e-6, 0}, {1, 1, 1e-6, 0}, {1, 0.9, 0, 0}, {1, 0.9, 1, 2}
                }) {
            assertThrows(
                    IllegalArgumentException.class,
                    () -> new Rmsprop(wrong[0], wrong[1], wrong[2], true, wrong[3], Decayed.ALL));
        }
    }
}

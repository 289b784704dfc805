package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.EmulatedDevice;
import org.densenet4j.data.Batch;
import org.densenet4j.engine.Network;
import org.densenet4j.io.Safetensors;
import org.densenet4j.spec.DenseNetSpec;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;

/** Steps of every optimiser beside what PyTorch recorded of the same gradients. */
class OptimiserParityTest {
    private static final Path RECORDED =
            Path.of("src/test/resources/golden/optimisers/optimisers.safetensors");

    /** Of parameters of about 1 after twelve steps, in float32 here and there. */
    private static final float TOLERANCE = 2e-6f;

    private static final String NAME = "features.conv0.weight";
    private static final double RATE = 0.01;

    private static Map<String, Optimiser> optimisers() {
        Map<String, Optimiser> all = new LinkedHashMap<>();
        Sgd sgd = Sgd.plain(RATE);
        Sgd momentum = sgd.withWeightDecay(0.02).withMomentum(0.9);
        all.put("sgd", sgd);
        all.put("sgd-momentum", momentum);
        all.put("sgd-nesterov", Sgd.nesterov(RATE).withWeightDecay(0.02));
        all.put("sgd-dampening", momentum.withDampening(0.3));
        all.put("adam", Adam.of(RATE));
        all.put(
                "adam-decay",
                Adam.of(RATE).withBetas(0.8, 0.95).withEpsilon(1e-6).withWeightDecay(0.02));
        all.put(
                "adam-amsgrad",
                Adam.of(RATE).withBetas(0.8, 0.7).withWeightDecay(0.02).withAmsgrad());
        all.put("adamw", Adam.decoupled(RATE));
        all.put(
                "adamw-amsgrad",
                Adam.decoupled(RATE).withBetas(0.8, 0.7).withWeightDecay(0.1).withAmsgrad());
        all.put("rmsprop", Rmsprop.of(RATE));
        Rmsprop faster = rmsprop(0.9, 1e-8);
        all.put("rmsprop-momentum", faster.withMomentum(0.8).withWeightDecay(0.02));
        Rmsprop centred = rmsprop(0.9, 1e-4).withCentring();
        all.put("rmsprop-centred", centred);
        all.put("rmsprop-all", centred.withMomentum(0.8).withWeightDecay(0.02));
        return all;
    }

    private static Rmsprop rmsprop(double rho, double epsilon) {
        Rmsprop usual = Rmsprop.of(RATE);
        return new Rmsprop(RATE, rho, epsilon, false, 0, usual.decayed());
    }

    private static Device[] devices() {
        return new Device[] {
            Device.open("cpu", DeviceOptions.defaults().withThreads(2)),
            new EmulatedDevice(DeviceOptions.defaults())
        };
    }

    private static final DenseNetSpec SPEC = DenseNetSpec.bc(10, 4).inputSize(8).build();

    @Test
    void everyRecordedOptimiserIsCompared() throws IOException {
        try (Safetensors recorded = Safetensors.open(RECORDED)) {
            Set<String> names =
                    recorded.names().stream()
                            .filter(name -> !name.equals("start") && !name.equals("gradients"))
                            .collect(Collectors.toSet());
            assertEquals(names, optimisers().keySet());
        }
    }

    @Test
    void stepsAreThoseOfPyTorchOnBothBackends() throws IOException {
        try (Safetensors recorded = Safetensors.open(RECORDED)) {
            float[] start = recorded.tensor("start").toFloats();
            float[] gradients = recorded.tensor("gradients").toFloats();
            for (Device device : devices()) {
                try (device) {
                    for (Map.Entry<String, Optimiser> e : optimisers().entrySet()) {
                        float[] expected = recorded.tensor(e.getKey()).toFloats();
                        check(e.getKey(), e.getValue(), start, gradients, expected, device);
                    }
                }
            }
        }
    }

    /** Each step's parameters; the network has more parameters than were recorded. */
    private static void check(
            String name,
            Optimiser optimiser,
            float[] start,
            float[] gradients,
            float[] expected,
            Device device) {
        int n = start.length;
        try (Trainer trainer = Trainer.of(SPEC, device).batch(2).optimizer(optimiser).open()) {
            Network network = trainer.network();
            float[] values = network.parameter(NAME);
            System.arraycopy(start, 0, values, 0, n);
            network.parameter(NAME, values);
            for (int step = 0; step < gradients.length / n; step++) {
                float[] gradient = new float[values.length];
                System.arraycopy(gradients, step * n, gradient, 0, n);
                network.gradient(NAME, gradient);
                trainer.update();
                assertArrayEquals(
                        Arrays.copyOfRange(expected, step * n, (step + 1) * n),
                        Arrays.copyOf(network.parameter(NAME), n),
                        TOLERANCE,
                        name + " after step " + (step + 1) + " on " + device.name());
            }
        }
    }

    /** What is the same in both runs but for the number of micro-batches. */
    @Test
    void gradientsOfMicroBatchesAddUpToTheSameStep() {
        for (Device device : devices()) {
            try (device) {
                optimisers()
                        .forEach(
                                (name, optimiser) -> {
                                    float[] whole = trained(optimiser, device, 1);
                                    float[] parts = trained(optimiser, device, 2);
                                    // RMSprop and Adam divide by what may be rounding alone.
                                    assertEquals(0, distance(whole, parts), 1e-2, name);
                                });
            }
        }
    }

    private static double distance(float[] a, float[] b) {
        double sum = 0;
        double all = 0;
        for (int i = 0; i < a.length; i++) {
            sum += Math.pow(a[i] - b[i], 2);
            all += Math.pow(a[i], 2);
        }
        return Math.sqrt(sum / all);
    }

    private static Batch batch(long seed) {
        Random random = new Random(seed);
        float[] images = new float[4 * 8 * 8 * 3];
        for (int i = 0; i < images.length; i++) {
            images[i] = (float) random.nextGaussian();
        }
        return new Batch(images, new int[] {0, 1, 2, 3}, 8, 8, 3);
    }

    private static float[] trained(Optimiser optimiser, Device device, int accumulate) {
        try (Trainer trainer =
                Trainer.of(SPEC, device)
                        .batch(4)
                        .accumulate(accumulate)
                        .optimizer(optimiser)
                        .freezeBatchNorm(true)
                        .open()) {
            assertEquals(trainer.plan().peakBytes(), trainer.network().allocatedBytes());
            for (int step = 0; step < 3; step++) {
                trainer.step(batch(step));
            }
            assertEquals(3, trainer.steps());
            return trainer.network().parameter(NAME);
        }
    }
}

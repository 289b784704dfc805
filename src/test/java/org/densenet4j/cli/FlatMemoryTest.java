package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static java.nio.charset.StandardCharsets.UTF_8;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.Batch;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.train.Sgd;
import org.densenet4j.train.Trainer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;

/** The resident memory of a process does not grow while it trains. */
@EnabledOnOs(OS.LINUX)
class FlatMemoryTest {
    private static final int STEPS = 500;

    /** The JIT still compiles in the first windows; a leak grows in every one. */
    private static final int WINDOWS = 6;

    private static final long MOST_GROWTH = 1L << 20;

    @Test
    void fiveHundredStepsAddNothing() throws Exception {
        Process process =
                new ProcessBuilder(
                                List.of(
                                        Path.of(System.getProperty("java.home"), "bin", "java")
                                                .toString(),
                                        "--add-modules=jdk.incubator.vector",
                                        "--enable-native-access=ALL-UNNAMED",
                                        // A heap that is all there from the start.
                                        "-XX:+UseSerialGC",
                                        "-XX:+AlwaysPreTouch",
                                        "-Xms64m",
                                        "-Xmx64m",
                                        "-cp",
                                        System.getProperty("java.class.path"),
                                        FlatMemoryTest.class.getName()))
                        .redirectErrorStream(true)
                        .start();
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        assertEquals(0, process.waitFor(), output);
        String last = output.lines().reduce("", (a, b) -> b);
        long growth = Long.parseLong(last.strip());
        assertTrue(growth < MOST_GROWTH, () -> "grew by " + growth + " bytes");
    }

    /** The child: trains, and prints the least growth in bytes of any window of 500 steps. */
    public static void main(String[] args) throws IOException {
        DenseNetSpec spec = DenseNetSpec.preset("bc-10-4").inputSize(8).build();
        SplittableRandom random = new SplittableRandom(1);
        float[] images = new float[6 * 8 * 8 * 3];
        for (int i = 0; i < images.length; i++) {
            images[i] = (float) random.nextGaussian();
        }
        Batch batch = new Batch(images, random.ints(6, 0, 10).toArray(), 8, 8, 3);
        try (Device device = Device.open("cpu", new DeviceOptions(1, false, true));
                Trainer trainer =
                        Trainer.of(spec, device).batch(6).optimizer(Sgd.nesterov(0.001)).open()) {
            long least = Long.MAX_VALUE;
            for (int window = 0; window < WINDOWS; window++) {
                long before = ResidentMemory.current();
                for (int step = 0; step < STEPS; step++) {
                    trainer.step(batch);
                }
                least = Math.min(least, ResidentMemory.current() - before);
            }
            System.out.println(least);
        }
    }
}

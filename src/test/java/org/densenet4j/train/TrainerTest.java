package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.Batch;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.spec.DenseNetSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** Whole training runs: their dependence on threads, on each other and on being interrupted. */
class TrainerTest {
    /** Largest relative difference in the norm of all parameters after a few steps. */
    private static final double THREADS_TOLERANCE = 1e-5;

    private static final int BATCH = 19;
    private static final int STEPS = 3;

    private static final DenseNetSpec SPEC =
            DenseNetSpec.builder()
                    .growthRate(5)
                    .layersPerBlock(2, 3)
                    .initialChannels(9)
                    .inputSize(10)
                    .classes(4)
                    .dropout(0.2)
                    .build();

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void resultsDoNotDependOnTheNumberOfThreads(MemoryStrategy strategy) {
        Map<String, float[]> one = train(new DeviceOptions(1, false, true), strategy);
        for (int threads : new int[] {2, 3}) {
            Map<String, float[]> more = train(new DeviceOptions(threads, false, true), strategy);
            assertTrue(difference(one, more) < THREADS_TOLERANCE);
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void deterministicRunsAreBitIdentical(MemoryStrategy strategy) {
        for (int threads : new int[] {2, 3}) {
            DeviceOptions options = new DeviceOptions(threads, true, true);
            assertSame(train(options, strategy), train(options, strategy));
        }
    }

    @Test
    void anotherSeedTrainsAnotherNetwork() {
        try (Device device = Device.cpu();
                Trainer a = open(device, MemoryStrategy.SHARED, 1);
                Trainer b = open(device, MemoryStrategy.SHARED, 2)) {
            assertTrue(difference(parameters(a), parameters(b)) > 0.1);
        }
    }

    @Test
    void trainersInOneProcessDoNotDisturbEachOther() {
        DeviceOptions options = new DeviceOptions(2, true, true);
        Map<String, float[]> alone = train(options, MemoryStrategy.SHARED);
        try (Device one = Device.open("cpu", options);
                Device two = Device.open("cpu", options);
                Trainer a = open(one, MemoryStrategy.SHARED, 7);
                Trainer b = open(two, MemoryStrategy.RECOMPUTE, 7);
                Trainer c = open(one, MemoryStrategy.NAIVE, 8)) {
            for (int step = 0; step < STEPS; step++) {
                a.step(batch(step));
                b.step(batch(step));
                c.step(batch(step + 1));
            }
            assertSame(alone, parameters(a));
            assertTrue(difference(alone, parameters(b)) < THREADS_TOLERANCE);
        }
    }

    @Test
    void trainersOnThreadsOfTheirOwnDoNotDisturbEachOther() throws InterruptedException {
        DeviceOptions options = new DeviceOptions(2, true, true);
        Map<String, float[]> alone = train(options, MemoryStrategy.SHARED);
        Map<String, float[]> other = new LinkedHashMap<>();
        Thread thread =
                Thread.ofPlatform()
                        .start(() -> other.putAll(train(options, MemoryStrategy.SHARED)));
        assertSame(alone, train(options, MemoryStrategy.SHARED));
        thread.join();
        assertSame(alone, other);
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void aSavedAndLoadedRunContinuesBitForBit(MemoryStrategy strategy, @TempDir Path temporary)
            throws IOException {
        DeviceOptions options = new DeviceOptions(2, true, true);
        Path file = temporary.resolve("checkpoint.safetensors");
        Map<String, float[]> whole;
        try (Device device = Device.open("cpu", options);
                Trainer trainer = open(device, strategy, 7)) {
            for (int step = 0; step < STEPS; step++) {
                trainer.step(batch(step));
            }
            trainer.save(file, Map.of("note", "mine"));
            for (int step = STEPS; step < 2 * STEPS; step++) {
                trainer.step(batch(step));
            }
            whole = parameters(trainer);
        }
        try (Device device = Device.open("cpu", options);
                Trainer trainer = open(device, strategy, 7)) {
            assertEquals("mine", trainer.load(file).get("note"));
            assertEquals(STEPS, trainer.steps());
            for (int step = STEPS; step < 2 * STEPS; step++) {
                trainer.step(batch(step));
            }
            assertSame(whole, parameters(trainer));
        }
    }

    @Test
    void numbersThatAreNotFiniteStopTheRunAndLeaveTheParameters() {
        try (Device device = Device.cpu();
                Trainer trainer = open(device, MemoryStrategy.SHARED, 7)) {
            trainer.step(batch(0));
            Map<String, float[]> before = parameters(trainer);
            Batch bad = batch(1);
            bad.images()[17] = Float.NaN;
            NonFiniteException e = assertThrows(NonFiniteException.class, () -> trainer.step(bad));
            assertTrue(e.getMessage().contains("step 2"), e.getMessage());
            assertSame(before, parameters(trainer));
        }
    }

    @Test
    void aTrainerMayBeClosedTwiceAndIsNotUsedAfterThat() {
        try (Device device = Device.cpu()) {
            Trainer trainer = open(device, MemoryStrategy.SHARED, 7);
            trainer.close();
            trainer.close();
            assertThrows(IllegalStateException.class, () -> trainer.step(batch(0)));
        }
    }

    // ---------------------------------------------------------------- runs

    private static Map<String, float[]> train(DeviceOptions options, MemoryStrategy strategy) {
        try (Device device = Device.open("cpu", options);
                Trainer trainer = open(device, strategy, 7)) {
            for (int step = 0; step < STEPS; step++) {
                trainer.step(batch(step));
            }
            return parameters(trainer);
        }
    }

    private static Trainer open(Device device, MemoryStrategy strategy, long seed) {
        return Trainer.of(SPEC, device)
                .strategy(strategy)
                .batch(BATCH)
                .optimizer(Sgd.nesterov(0.05))
                .seed(seed)
                .open();
    }

    private static Batch batch(int step) {
        SplittableRandom random = new SplittableRandom(step);
        float[] images = new float[BATCH * 10 * 10 * 3];
        for (int i = 0; i < images.length; i++) {
            images[i] = (float) random.nextGaussian();
        }
        return new Batch(images, random.ints(BATCH, 0, 4).toArray(), 10, 10, 3);
    }

    /** Parameters, velocities and running statistics by name. */
    private static Map<String, float[]> parameters(Trainer trainer) {
        Map<String, float[]> all = new LinkedHashMap<>();
        trainer.network()
                .parameters()
                .forEach(
                        p -> {
                            all.put(p.name(), trainer.network().parameter(p.name()));
                            all.put("v." + p.name(), trainer.network().velocity(p.name()));
                        });
        trainer.network()
                .runningStatistics()
                .forEach(p -> all.put(p.name(), trainer.network().runningStatistic(p.name())));
        return all;
    }

    private static void assertSame(Map<String, float[]> expected, Map<String, float[]> actual) {
        assertFalse(expected.isEmpty());
        assertEquals(expected.keySet(), actual.keySet());
        expected.forEach((name, values) -> assertArrayEquals(values, actual.get(name), name));
    }

    private static double difference(Map<String, float[]> a, Map<String, float[]> b) {
        double difference = 0;
        double norm = 0;
        for (Map.Entry<String, float[]> entry : a.entrySet()) {
            float[] x = entry.getValue();
            float[] y = b.get(entry.getKey());
            for (int i = 0; i < x.length; i++) {
                difference += ((double) x[i] - y[i]) * ((double) x[i] - y[i]);
                norm += (double) x[i] * x[i];
            }
        }
        return Math.sqrt(difference / norm);
    }

    @Test
    void aPassOverOneImageIsRemarkedOnWhereNormalisationsSeeOneValue() {
        List<String> told = new ArrayList<>();
        Handler handler =
                new Handler() {
                    @Override
                    public void publish(LogRecord entry) {
                        told.add(entry.getMessage());
                    }

                    @Override
                    public void flush() {}

                    @Override
                    public void close() {}
                };
        Logger logger = Logger.getLogger("org.densenet4j");
        logger.addHandler(handler);
        try (Device device = Device.cpu()) {
            for (int size : new int[] {4, 8}) { // three blocks end in 1x1 and in 2x2
                DenseNetSpec spec = DenseNetSpec.bc(10, 4).inputSize(size, size).classes(2).build();
                float[] images = new float[5 * size * size * 3];
                for (int i = 0; i < images.length; i++) {
                    images[i] = i % 7;
                }
                try (Trainer trainer = Trainer.of(spec, device).batch(5).accumulate(3).open()) {
                    trainer.step(new Batch(images, new int[] {0, 1, 0, 1, 0}, size, size, 3));
                    trainer.step(new Batch(images, new int[] {0, 1, 0, 1, 0}, size, size, 3));
                }
            }
        } finally {
            logger.removeHandler(handler);
        }
        assertEquals(
                1, told.stream().filter(line -> line.contains("one value per channel")).count());
    }
}

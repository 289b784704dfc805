package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.DeviceUse;
import org.densenet4j.data.Batch;
import org.densenet4j.inference.Predictor;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.weights.Model;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

/** Many trainings and predictions in one process: right results or clear refusals. */
class ConcurrentTrainingTest {
    private static final int TRAININGS = 150;
    private static final int THREADS = 6;
    private static final int STEPS = 4;
    private static final double TOLERANCE = 1e-3;
    private static final DenseNetSpec SPEC =
            DenseNetSpec.bc(16, 8).classes(5).inputSize(16, 16).build();
    private static final Batch BATCH = batch();

    @TempDir private static Path folder;
    private static List<Double> alone;

    private static Batch batch() {
        Random random = new Random(5);
        float[] images = new float[8 * 16 * 16 * 3];
        for (int i = 0; i < images.length; i++) {
            images[i] = (float) random.nextGaussian();
        }
        return new Batch(images, new int[] {0, 1, 2, 3, 4, 0, 1, 2}, 16, 16, 3);
    }

    private static Device device() {
        return Device.open("cpu", DeviceOptions.defaults().withThreads(2));
    }

    private static Trainer trainer(Device device) {
        return Trainer.of(SPEC, device).batch(8).optimizer(Sgd.nesterov(0.05)).open();
    }

    private static List<Double> train(Device device) {
        List<Double> losses = new ArrayList<>();
        try (Trainer trainer = trainer(device)) {
            for (int step = 0; step < STEPS; step++) {
                losses.add(trainer.step(BATCH).loss());
            }
        }
        return losses;
    }

    @BeforeAll
    static void trainsAlone() {
        try (Device device = device()) {
            alone = train(device);
        }
        assertTrue(alone.getLast() < alone.getFirst());
    }

    private static void assertRight(List<Double> losses) {
        for (int step = 0; step < STEPS; step++) {
            assertEquals(alone.get(step), losses.get(step), TOLERANCE);
        }
    }

    private static void inThreads(int tasks, Callable<Void> task) throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
            List<Future<Void>> all = new ArrayList<>();
            for (int i = 0; i < tasks; i++) {
                all.add(threads.submit(task));
            }
            for (Future<Void> one : all) {
                one.get();
            }
        }
    }

    @Test
    void trainersOfManyThreadsOnOneDeviceTakeTurns() throws Exception {
        try (Device device = device()) {
            inThreads(
                    TRAININGS,
                    () -> {
                        assertRight(train(device));
                        return null;
                    });
        }
    }

    @Test
    void trainersWithDevicesOfTheirOwnAreIndependent() throws Exception {
        inThreads(
                TRAININGS,
                () -> {
                    try (Device device = device()) {
                        assertRight(train(device));
                    }
                    return null;
                });
    }

    @Test
    void aPredictorAndTrainersShareADevice() throws Exception {
        Path file = folder.resolve("weights.safetensors");
        try (Device device = device()) {
            try (Trainer trainer = trainer(device)) {
                trainer.save(file);
            }
            try (Model model = Model.open(file);
                    Predictor predictor = Predictor.of(model).device(device).batch(3).open()) {
                float[] expected = predictor.logits(BATCH.images(), BATCH.size());
                AtomicInteger number = new AtomicInteger();
                inThreads(
                        60,
                        () -> {
                            if (number.getAndIncrement() % 3 == 0) {
                                assertRight(train(device));
                            } else {
                                float[] logits = predictor.logits(BATCH.images(), BATCH.size());
                                for (int i = 0; i < expected.length; i++) {
                                    assertEquals(expected[i], logits[i], 1e-4);
                                }
                            }
                            return null;
                        });
            }
        }
    }

    @Test
    void aSecondThreadInOneTrainerIsRefused() throws Exception {
        try (Device device = device();
                Trainer trainer = trainer(device);
                ExecutorService other = Executors.newSingleThreadExecutor()) {
            try (DeviceUse _ = trainer.network().use()) {
                for (Runnable call :
                        List.<Runnable>of(
                                () -> trainer.step(BATCH),
                                () -> trainer.evaluate(BATCH),
                                () -> trainer.network().zeroGradients(),
                                () -> trainer.network().parameter("classifier.bias"))) {
                    Exception refused =
                            assertThrows(Exception.class, () -> other.submit(call).get());
                    assertTrue(
                            refused.getCause() instanceof IllegalStateException,
                            refused.toString());
                    assertTrue(
                            refused.getMessage().contains("another thread is using this network"),
                            refused.getMessage());
                }
            }
            other.submit(() -> trainer.step(BATCH)).get(); // one after the other is right
        }
    }

    @Test
    void aDeviceThatIsClosedByAnotherThreadEndsATrainingWithOneClearException() throws Exception {
        for (int round = 0; round < 20; round++) {
            Device device = device();
            CountDownLatch started = new CountDownLatch(1);
            try (ExecutorService other = Executors.newSingleThreadExecutor();
                    Trainer trainer = trainer(device)) {
                Future<?> training =
                        other.submit(
                                () -> {
                                    while (true) {
                                        trainer.step(BATCH);
                                        started.countDown();
                                    }
                                });
                started.await();
                device.close();
                Exception ended = assertThrows(Exception.class, training::get);
                assertTrue(
                        ended.getCause() instanceof IllegalStateException
                                && ended.getMessage().contains("is closed"),
                        ended.toString());
            }
            device.close();
            assertThrows(IllegalStateException.class, () -> trainer(device));
        }
    }
}

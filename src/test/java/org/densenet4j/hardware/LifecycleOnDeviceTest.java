package org.densenet4j.hardware;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.DeviceException;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.Matrix;
import org.densenet4j.data.Batch;
import org.densenet4j.train.NonFiniteException;
import org.densenet4j.train.Trainer;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/** Devices opened, shared, moved between threads and closed in every order. */
class LifecycleOnDeviceTest {
    private static final int STEPS = 5;
    private static List<Double> expected;

    @BeforeAll
    static void trainOnTheCpu() {
        expected = TinyTraining.lossesOfTheCpu(STEPS);
    }

    private static void assertTrains(List<Double> losses) {
        Losses.assertClose(expected.subList(0, losses.size()), losses, TinyTraining.TOLERANCE);
    }

    @Test
    void aDeviceOpensAgainAfterItWasClosed() {
        for (int i = 0; i < 3; i++) {
            try (Device device = DeviceUnderTest.open();
                    Trainer trainer = TinyTraining.open(device)) {
                assertTrains(TinyTraining.losses(trainer, 3));
            }
        }
    }

    @Test
    void oneOfTwoDevicesOnOneProcessorMayBeClosedFirst() {
        Device first = DeviceUnderTest.open();
        try (Device second = DeviceUnderTest.open();
                Trainer stays = TinyTraining.open(second)) {
            List<Double> losses = new ArrayList<>();
            losses.add(stays.step(TinyTraining.batch(1)).loss());
            try (Trainer goes = TinyTraining.open(first)) {
                assertTrains(TinyTraining.losses(goes, 3));
            }
            first.close();
            for (int step = 2; step <= STEPS; step++) {
                losses.add(stays.step(TinyTraining.batch(step)).loss());
            }
            assertTrains(losses);
        }
    }

    @Test
    void twoProcessorsTrainInTurnsOnOneThread() {
        DeviceUnderTest.assumeCuda();
        DeviceOptions options = DeviceOptions.defaults();
        Device other;
        try {
            other = DeviceUnderTest.open(options.withIndex(1));
        } catch (DeviceException e) {
            assumeTrue(false, "needs two GPUs: " + e.getMessage());
            return;
        }
        try (other;
                Device device = DeviceUnderTest.open();
                Trainer a = TinyTraining.open(device);
                Trainer b = TinyTraining.open(other)) {
            List<Double> ofA = new ArrayList<>();
            List<Double> ofB = new ArrayList<>();
            for (int step = 1; step <= STEPS; step++) {
                Batch next = step < STEPS ? TinyTraining.batch(step + 1) : null;
                ofA.add(a.step(TinyTraining.batch(step), next).loss());
                ofB.add(b.step(TinyTraining.batch(step), next).loss());
            }
            assertTrains(ofA);
            assertTrains(ofB);
        }
    }

    @Test
    void threadsMayOpenTrainAndClose() throws Exception {
        Device device = DeviceUnderTest.open();
        Trainer trainer = TinyTraining.open(device);
        onAnotherThread(() -> assertTrains(TinyTraining.losses(trainer, STEPS)));
        onAnotherThread(trainer::close);
        onAnotherThread(device::close);
    }

    private static void onAnotherThread(Runnable work) throws Exception {
        FutureTask<Void> task = new FutureTask<>(work, null);
        Thread.ofPlatform().start(task);
        try {
            task.get();
        } catch (ExecutionException e) {
            throw new AssertionError(e.getCause());
        }
    }

    @Test
    void trainersOfSeveralThreadsDoNotDisturbEachOther() {
        List<CompletableFuture<List<Double>>> all = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            all.add(CompletableFuture.supplyAsync(LifecycleOnDeviceTest::trainOnce));
        }
        all.forEach(losses -> assertTrains(losses.join()));
    }

    private static List<Double> trainOnce() {
        try (Device device = DeviceUnderTest.open();
                Trainer trainer = TinyTraining.open(device)) {
            return TinyTraining.losses(trainer, STEPS);
        }
    }

    @Test
    void aDeviceMayBeClosedBeforeItsTrainerAndTwice() {
        Device device = DeviceUnderTest.open();
        Trainer trainer = TinyTraining.open(device);
        trainer.step(TinyTraining.batch(1), TinyTraining.batch(2));
        device.close();
        trainer.close();
        trainer.close();
        device.close();
    }

    @Test
    void aStepWithBrokenNumbersIsRefusedAndTheNextOnesGoOn() {
        List<Double> losses = new ArrayList<>();
        try (Device device = DeviceUnderTest.open();
                Trainer trainer = TinyTraining.open(device)) {
            for (int step = 1; step <= STEPS; step++) {
                if (step == 4) {
                    Batch broken = TinyTraining.batch(9);
                    broken.images()[5] = Float.NaN;
                    assertThrows(
                            NonFiniteException.class,
                            () -> trainer.step(broken, TinyTraining.batch(4)));
                }
                losses.add(trainer.step(TinyTraining.batch(step)).loss());
            }
        }
        assertTrains(losses);
    }

    @Test
    void anExceptionWhileAStepIsRecordedLeavesTheDeviceUsable() {
        try (Device device = DeviceUnderTest.open();
                DeviceArena arena = StagingOnDeviceTest.arena(device)) {
            arena.replay("step", () -> {});
            Runnable fails =
                    () -> {
                        throw new ArithmeticException("in the step");
                    };
            assertThrows(ArithmeticException.class, () -> arena.replay("step", fails));
            float[] values = {1, 2, 3, 4};
            arena.replay("step", () -> arena.kernels().fill(Matrix.vector(0, 4), 0));
            arena.upload(values, 0, Matrix.vector(0, 4));
            float[] back = new float[4];
            arena.download(Matrix.vector(0, 4), back, 0);
            assertArrayEquals(values, back);
        }
    }
}

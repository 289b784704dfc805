package org.densenet4j.hardware;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.Matrix;
import org.densenet4j.data.Batch;
import org.densenet4j.train.Trainer;
import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Batches copied to the device while the step before them runs, and copies in general. */
class StagingOnDeviceTest {
    private static final int STEPS = 8;

    @Test
    void stagedBatchesTrainLikeOthers() {
        List<Double> losses = new ArrayList<>();
        try (Device device = DeviceUnderTest.open();
                Trainer trainer = TinyTraining.open(device)) {
            Batch[] batches = new Batch[STEPS + 1];
            Arrays.setAll(batches, i -> TinyTraining.batch(i + 1));
            for (int step = 0; step < STEPS; step++) {
                losses.add(trainer.step(batches[step], batches[step + 1]).loss());
            }
        }
        Losses.assertClose(TinyTraining.lossesOfTheCpu(STEPS), losses, TinyTraining.TOLERANCE);
    }

    /** Rounded on the way, a staged batch is what it is when it is copied in its step. */
    @Test
    void batchesStagedInBFloat16GiveTheSameLossesBitByBit() {
        try (Device device = DeviceUnderTest.open()) {
            assumeTrue(device.supports(DataType.BFLOAT16), device.description());
            List<List<Double>> losses = new ArrayList<>();
            for (boolean staged : new boolean[] {false, true}) {
                try (Trainer trainer = TinyTraining.open(device, DataType.BFLOAT16)) {
                    List<Double> ofRun = new ArrayList<>();
                    Batch next = TinyTraining.batch(1);
                    for (int step = 0; step < STEPS; step++) {
                        Batch batch = next;
                        next = TinyTraining.batch(step + 2);
                        ofRun.add(trainer.step(batch, staged ? next : null).loss());
                    }
                    losses.add(ofRun);
                }
            }
            assertEquals(losses.getFirst(), losses.getLast());
        }
    }

    @Test
    void anArrayFilledAgainAfterItWasStagedIsTakenAsItIs() {
        try (Device cpu = Device.cpu();
                Device device = DeviceUnderTest.open()) {
            Losses.assertClose(refilled(cpu), refilled(device), TinyTraining.TOLERANCE);
        }
    }

    private static List<Double> refilled(Device device) {
        try (Trainer trainer = TinyTraining.open(device)) {
            Batch next = TinyTraining.batch(2);
            double first = trainer.step(TinyTraining.batch(1), next).loss();
            fill(next, TinyTraining.batch(3));
            return List.of(first, trainer.step(next).loss());
        }
    }

    @Test
    void aStagedBatchThatWasPassedOverIsTakenAsItIs() {
        try (Device cpu = Device.cpu();
                Device device = DeviceUnderTest.open()) {
            Losses.assertClose(passedOver(cpu), passedOver(device), TinyTraining.TOLERANCE);
        }
    }

    private static List<Double> passedOver(Device device) {
        try (Trainer trainer = TinyTraining.open(device)) {
            Batch next = TinyTraining.batch(2);
            double first = trainer.step(TinyTraining.batch(1), next).loss();
            double second = trainer.step(TinyTraining.batch(3)).loss();
            fill(next, TinyTraining.batch(4));
            return List.of(first, second, trainer.step(next).loss());
        }
    }

    private static void fill(Batch batch, Batch source) {
        System.arraycopy(source.images(), 0, batch.images(), 0, batch.images().length);
    }

    /** More bytes than a device keeps page-locked for copies, so that memory is used again. */
    @Test
    void manyUploadsArriveInOrder() {
        int count = 1_000;
        int uploads = 20_000;
        try (Device device = DeviceUnderTest.open();
                DeviceArena arena = arena(device)) {
            arena.uploadInts(new int[] {Float.floatToRawIntBits(-1)}, 1, 4L * count);
            int[] values = new int[count];
            for (int i = 0; i < uploads; i++) {
                Arrays.fill(values, Float.floatToRawIntBits(i));
                arena.uploadInts(values, count, 0);
            }
            float[] back = new float[count];
            arena.download(Matrix.vector(0, count), back, 0);
            float[] expected = new float[count];
            Arrays.fill(expected, uploads - 1);
            assertArrayEquals(expected, back);
            float[] behind = new float[1];
            arena.download(Matrix.vector(4L * count, 1), behind, 0);
            assertEquals(-1, behind[0]);
        }
    }

    static DeviceArena arena(Device device) {
        long scratch = device.kernelScratchBytes();
        return device.allocate(8192 + scratch * device.lanes(), 8192, scratch);
    }
}

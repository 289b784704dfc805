package org.densenet4j.contract;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.DeviceException;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.DeviceTimer;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.testing.Refusals;
import org.junit.jupiter.api.Test;

import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;

/** {@link Device} and {@link DeviceArena}: memory, its life, and chunks on lanes. */
abstract class DeviceContract extends OpenedDevice {
    private static final int BYTES = 4096;

    private DeviceArena allocate() {
        long scratch = device.kernelScratchBytes();
        return device.allocate(BYTES + scratch, BYTES, scratch);
    }

    @Test
    void theDeviceDescribesItselfInOneLine() {
        assertFalse(device.name().isBlank());
        assertEquals(1, device.description().lines().count());
        assertTrue(device.lanes() >= 1);
        assertTrue(device.cacheBytes() > 0);
        assertTrue(device.availableBytes() > 0);
    }

    @Test
    void anArenaHasTheSizeAskedForAndIsZeroed() {
        for (int words : new int[] {1, 1023, 100_001}) {
            long bytes = 4L * words;
            try (DeviceArena arena = device.allocate(bytes, bytes, 0)) {
                assertEquals(bytes, arena.bytes());
                float[] content = new float[words];
                content[words - 1] = 1;
                arena.download(Matrix.vector(0, words), content, 0);
                assertArrayEquals(new float[words], content);
            }
        }
    }

    @Test
    void whatIsUploadedToAStridedMatrixComesBackAndNothingElseChanges() {
        try (DeviceArena arena = allocate()) {
            float[] all = new float[BYTES / 4];
            for (int i = 0; i < all.length; i++) {
                all[i] = -1 - i;
            }
            arena.upload(all, 0, Matrix.vector(0, all.length));
            Matrix strided = Matrix.strided(12, 5, 7, 10);
            float[] source = new float[3 + 35];
            for (int i = 0; i < source.length; i++) {
                source[i] = i;
            }
            arena.upload(source, 3, strided);
            float[] back = new float[2 + 35];
            arena.download(strided, back, 2);
            for (int i = 0; i < 35; i++) {
                assertEquals(3 + i, back[2 + i]);
                all[3 + i / 7 * 10 + i % 7] = 3 + i;
            }
            assertEquals(0, back[0]);
            float[] after = new float[all.length];
            arena.download(Matrix.vector(0, all.length), after, 0);
            assertArrayEquals(all, after);
        }
    }

    @Test
    void intsAreUploadedBitByBit() {
        try (DeviceArena arena = allocate()) {
            int[] ints = {0, 1, -1, 999, Integer.MAX_VALUE};
            arena.uploadInts(ints, 4, 64);
            float[] back = new float[6];
            arena.download(Matrix.vector(60, 6), back, 0);
            int[] bits = new int[6];
            for (int i = 0; i < 6; i++) {
                bits[i] = Float.floatToRawIntBits(back[i]);
            }
            assertArrayEquals(new int[] {0, 0, 1, -1, 999, 0}, bits);
        }
    }

    @Test
    void transfersOutsideTheArenaAreRefused() {
        try (DeviceArena arena = device.allocate(BYTES, BYTES, 0)) {
            float[] floats = new float[20];
            Matrix beyond = Matrix.vector(BYTES - 8, 4);
            assertThrows(RuntimeException.class, () -> arena.upload(floats, 0, beyond));
            assertThrows(RuntimeException.class, () -> arena.download(beyond, floats, 0));
            assertThrows(RuntimeException.class, () -> arena.uploadInts(new int[4], 4, BYTES - 8));
            Matrix inside = Matrix.vector(0, 4);
            assertThrows(RuntimeException.class, () -> arena.upload(floats, 18, inside));
            assertThrows(RuntimeException.class, () -> arena.download(inside, floats, 18));
        }
    }

    @Test
    void anArenaMayBeClosedTwiceAndNotUsedAfterThat() {
        DeviceArena arena = device.allocate(BYTES, BYTES / 2, BYTES / 2 / device.lanes());
        Matrix x = Matrix.dense(0, 4, 4);
        GemmShape product = GemmShape.of(x, false, x, false, Matrix.dense(64, 4, 4), false);
        ConvolutionShape shape = new ConvolutionShape(1, 2, 2, 1, 1, 1, 1, 0);
        arena.multiply(0, product, x, x, Matrix.dense(64, 4, 4));
        Convolution convolution = arena.convolution(shape);
        arena.close();
        arena.close();
        float[] floats = new float[16];
        assertThrows(IllegalStateException.class, () -> arena.upload(floats, 0, x));
        assertThrows(IllegalStateException.class, () -> arena.download(x, floats, 0));
        assertThrows(IllegalStateException.class, () -> arena.uploadInts(new int[4], 4, 0));
        assertThrows(IllegalStateException.class, () -> arena.kernels().fill(x, 1));
        assertThrows(
                IllegalStateException.class,
                () -> arena.multiply(0, product, x, x, Matrix.dense(64, 4, 4)));
        assertThrows(IllegalStateException.class, () -> arena.convolution(shape.withImages(2)));
        assertThrows(
                IllegalStateException.class,
                () -> convolution.packForward(0, Matrix.vector(0, 1), Matrix.vector(64, 1)));
    }

    @Test
    void aDeviceMayBeClosedTwiceClosesItsArenasAndIsNotUsedAfterThat() {
        Device mine = open(DeviceOptions.defaults().withThreads(2));
        DeviceArena arena = mine.allocate(BYTES, BYTES, 0);
        mine.close();
        mine.close();
        arena.close();
        assertThrows(
                IllegalStateException.class, () -> arena.kernels().fill(Matrix.vector(0, 4), 1));
        assertThrows(IllegalStateException.class, () -> mine.forEachChunk(3, (lane, chunk) -> {}));
        assertThrows(IllegalStateException.class, () -> mine.allocate(BYTES, BYTES, 0));
    }

    @Test
    void twoDevicesAndTwoArenasAreIndependent() {
        try (Device other = open(DeviceOptions.defaults().withThreads(1));
                DeviceArena a = allocate();
                DeviceArena b = other.allocate(BYTES, BYTES, 0);
                DeviceArena c = allocate()) {
            Matrix x = Matrix.vector(0, 8);
            a.kernels().fill(x, 1);
            b.kernels().fill(x, 2);
            c.close();
            other.close();
            float[] back = new float[8];
            a.download(x, back, 0);
            assertArrayEquals(new float[] {1, 1, 1, 1, 1, 1, 1, 1}, back);
        }
    }

    @Test
    void argumentsThatCannotBeMeantAreRefusedByName() throws Exception {
        Refusals refusals = new Refusals(Path.of("FOLDER"));
        String arena = "IllegalArgumentException: ";
        refusals.refuses(arena + "bytes = -1: use 0 or more", () -> device.allocate(-1, 0, 0));
        refusals.refuses(
                arena + "scratchOffset = -64: use 0 or more", () -> device.allocate(64, -64, 0));
        refusals.refuses(
                arena + "scratchBytesPerLane = -1: use 0 or more",
                () -> device.allocate(64, 0, -1));
        int lanes = device.lanes();
        refusals.refuses(
                arena
                        + "scratch of "
                        + lanes
                        + " lanes, 64 bytes each from scratchOffset = 64 on, does not fit an arena"
                        + " of bytes = 127",
                () -> device.allocate(127, 64, 64));
        refusals.refuses("NullPointerException: task", () -> device.forEachChunk(1, null));
        refusals.refuses(
                "IllegalArgumentException: chunks = -1: use 0 or more",
                () -> device.forEachChunk(-1, (lane, chunk) -> {}));
        refusals.refuses(
                "IllegalArgumentException: marks = -1: use 0 to 1048576", () -> device.timer(-1));
        refusals.refuses(
                "IllegalArgumentException: marks = 2147483647: use 0 to 1048576",
                () -> device.timer(Integer.MAX_VALUE));
        try (DeviceTimer timer = device.timer(2)) {
            refusals.refuses(
                    "IndexOutOfBoundsException: index = 2: the timer has 2 marks, from 0",
                    () -> timer.mark(2));
            refusals.refuses(
                    "IndexOutOfBoundsException: from = -1: the timer has 2 marks, from 0",
                    () -> timer.seconds(-1, 1));
            refusals.refuses(
                    "IndexOutOfBoundsException: to = 2: the timer has 2 marks, from 0",
                    () -> timer.seconds(0, 2));
        }
        refusals.check();
    }

    @Test
    void anArenaThatCannotBeHadIsRefusedWithItsSize() {
        long bytes = 1L << 60;
        DeviceException e =
                assertThrows(DeviceException.class, () -> device.allocate(bytes, bytes, 0));
        assertTrue(e.getMessage().contains(String.valueOf(bytes)), e.getMessage());
        assertEquals(1, e.getMessage().lines().count());
        try (DeviceArena arena = allocate()) {
            assertEquals(BYTES + device.kernelScratchBytes(), arena.bytes());
        }
    }

    @Test
    void askingForScratchAllocatesNothingAndAnswersTheSame() {
        ConvolutionShape shape = new ConvolutionShape(2, 9, 9, 48, 12, 3, 1, 1);
        assertEquals(device.memory(shape), device.memory(shape));
        assertTrue(device.memory(shape).packedWeights() >= 4L * shape.weights());
        assertTrue(device.memory(shape).packedGradient() >= 4L * shape.weights());
        GemmShape product = new GemmShape(64, 48, 120, 216, 120, 48, false, true, false);
        assertEquals(device.scratchBytes(product), device.scratchBytes(product));
        assertTrue(device.scratchBytes(product) >= 0);
    }

    @Test
    void everyChunkRunsOnceAndALaneRunsOneAtATime() {
        for (boolean deterministic : new boolean[] {false, true}) {
            try (Device mine =
                    open(
                            DeviceOptions.defaults()
                                    .withThreads(3)
                                    .withDeterministic(deterministic))) {
                for (int chunks : new int[] {0, 1, 2, 3, 7, 100}) {
                    AtomicIntegerArray runs = new AtomicIntegerArray(chunks);
                    AtomicIntegerArray busy = new AtomicIntegerArray(mine.lanes());
                    AtomicInteger overlaps = new AtomicInteger();
                    mine.forEachChunk(
                            chunks,
                            (lane, chunk) -> {
                                if (busy.incrementAndGet(lane) != 1) {
                                    overlaps.incrementAndGet();
                                }
                                runs.incrementAndGet(chunk);
                                busy.decrementAndGet(lane);
                            });
                    assertEquals(0, overlaps.get());
                    for (int chunk = 0; chunk < chunks; chunk++) {
                        assertEquals(1, runs.get(chunk));
                    }
                }
            }
        }
    }

    @Test
    void aFailureInAChunkReachesTheCallerAndTheDeviceGoesOn() {
        IllegalArgumentException failure = new IllegalArgumentException("chunk 5");
        for (int round = 0; round < 3; round++) {
            IllegalArgumentException thrown =
                    assertThrows(
                            IllegalArgumentException.class,
                            () ->
                                    device.forEachChunk(
                                            9,
                                            (lane, chunk) -> {
                                                if (chunk == 5) {
                                                    throw failure;
                                                }
                                            }));
            assertSame(failure, thrown);
            AtomicInteger runs = new AtomicInteger();
            device.forEachChunk(9, (lane, chunk) -> runs.incrementAndGet());
            assertEquals(9, runs.get());
        }
    }
}

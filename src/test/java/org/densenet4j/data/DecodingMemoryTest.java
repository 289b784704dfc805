package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

import javax.imageio.ImageIO;

class DecodingMemoryTest {
    private static final int MB = 1 << 20;

    /** Returns how many shares of a size are ever held at once by six threads. */
    private static int most(DecodingMemory memory, long bytes) throws InterruptedException {
        int[] held = new int[2];
        List<Thread> threads = new ArrayList<>();
        for (int t = 0; t < 6; t++) {
            threads.add(
                    Thread.ofPlatform()
                            .start(
                                    () -> {
                                        for (int i = 0; i < 50; i++) {
                                            hold(memory, bytes, held);
                                        }
                                    }));
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertEquals(0, held[0]);
        return held[1];
    }

    private static void hold(DecodingMemory memory, long bytes, int[] held) {
        try (DecodingMemory.Share share = memory.take("x", bytes)) {
            synchronized (held) {
                held[0]++;
                held[1] = Math.max(held[1], held[0]);
            }
            Thread.yield();
            synchronized (held) {
                held[0]--;
            }
        } catch (ImageMemoryException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void imagesHeldAtOnceTakeNoMoreThanHalfOfTheHeap() throws InterruptedException {
        assertTrue(most(new DecodingMemory(100 * MB), 20 * MB) <= 2);
        assertEquals(1, most(new DecodingMemory(100 * MB), 80 * MB));
    }

    @Test
    void anImageThatTheHeapCannotHoldIsRefusedWithBothSizes() {
        DecodingMemory memory = new DecodingMemory(100 * MB);
        String message =
                assertThrows(ImageMemoryException.class, () -> memory.take("a.png", 90L * MB))
                        .getMessage();
        assertTrue(message.startsWith("a.png: decoding takes about 90 MB of memory"), message);
        assertTrue(message.contains("the heap has 100 MB"), message);
        assertTrue(message.contains("-Xmx") && message.contains("--max-pixels"), message);
    }

    /** All of the process: whoever decodes waits for whoever does. */
    @Test
    void decodingWaitsForImagesThatAreInUseElsewhere() throws Exception {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ImageIO.write(new BufferedImage(8, 8, BufferedImage.TYPE_INT_RGB), "png", bytes);
        long half = Runtime.getRuntime().maxMemory() / 2;
        AtomicBoolean given = new AtomicBoolean();
        CountDownLatch decoded = new CountDownLatch(1);
        Thread thread;
        try (DecodingMemory.Share all = DecodingMemory.OF_PROCESS.take("large", half)) {
            thread =
                    Thread.ofPlatform()
                            .start(
                                    () -> {
                                        try {
                                            ImageFile.decode("small", bytes.toByteArray());
                                        } catch (IOException e) {
                                            throw new AssertionError(e);
                                        }
                                        assertTrue(given.get(), "did not wait");
                                        decoded.countDown();
                                    });
            while (thread.getState() != Thread.State.WAITING && thread.isAlive()) {
                Thread.onSpinWait();
            }
            given.set(true);
        }
        assertTrue(decoded.await(30, TimeUnit.SECONDS));
        thread.join();
    }

    @Test
    void theMemoryOfAnImageIsGivenBackWhenItsUseFails() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ImageIO.write(new BufferedImage(8, 8, BufferedImage.TYPE_INT_RGB), "png", bytes);
        long half = Runtime.getRuntime().maxMemory() / 2;
        assertThrows(
                IllegalStateException.class,
                () ->
                        ImageFile.decode(
                                "x",
                                bytes.toByteArray(),
                                DecodeOptions.DEFAULT,
                                image -> {
                                    throw new IllegalStateException();
                                }));
        try (DecodingMemory.Share all = DecodingMemory.OF_PROCESS.take("all", half)) {
            assertTrue(all != null);
        }
    }
}

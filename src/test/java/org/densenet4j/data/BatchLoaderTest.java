package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.List;

class BatchLoaderTest {
    /** Images of one pixel whose label tells their index. */
    private record Numbers(int size, int failingIndex) implements Dataset {
        @Override
        public int height() {
            return 1;
        }

        @Override
        public int width() {
            return 1;
        }

        @Override
        public int channels() {
            return 3;
        }

        @Override
        public List<String> classNames() {
            return List.of();
        }

        @Override
        public int label(int index) {
            return index;
        }

        @Override
        public void read(int index, byte[] pixels) {
            if (index == failingIndex) {
                throw new IllegalStateException("image " + index + " is broken");
            }
            pixels[0] = (byte) index;
        }
    }

    private static List<Integer> labels(BatchLoader loader, int epoch) {
        List<Integer> labels = new ArrayList<>();
        try (BatchLoader.Epoch batches = loader.epoch(epoch)) {
            for (Batch batch : batches) {
                for (int label : batch.labels()) {
                    labels.add(label);
                }
            }
        }
        return labels;
    }

    @Test
    void everyImageComesOncePerEpochInAnOrderOfItsOwn() {
        BatchLoader loader = BatchLoader.of(new Numbers(101, -1)).batch(8).shuffle(7);
        List<Integer> first = labels(loader, 0);
        assertEquals(first, labels(loader, 0));
        assertNotEquals(first, labels(loader, 1));
        assertEquals(101, first.stream().distinct().count());
        assertEquals(96, labels(loader.dropLast(true), 0).size());
        assertEquals(13, loader.batchesPerEpoch());
        assertEquals(12, loader.dropLast(true).batchesPerEpoch());
    }

    @Test
    void anEpochCanBeTakenUpInItsMiddle() {
        BatchLoader loader =
                BatchLoader.of(new Numbers(40, -1))
                        .batch(8)
                        .shuffle(7)
                        .augment(new Augmentation(1, true));
        List<Batch> whole = new ArrayList<>();
        try (BatchLoader.Epoch batches = loader.epoch(2)) {
            batches.forEach(whole::add);
        }
        try (BatchLoader.Epoch rest = loader.epoch(2, 3)) {
            for (int b = 3; b < 5; b++) {
                Batch batch = rest.next();
                assertArrayEquals(whole.get(b).labels(), batch.labels());
                assertArrayEquals(whole.get(b).images(), batch.images());
            }
            assertFalse(rest.hasNext());
        }
    }

    @Test
    void aBrokenImageStopsTheConsumerWithItsMessage() {
        BatchLoader loader = BatchLoader.of(new Numbers(10, 5)).batch(4);
        try (BatchLoader.Epoch batches = loader.epoch(0)) {
            batches.next();
            IllegalStateException e = assertThrows(IllegalStateException.class, batches::next);
            assertTrue(e.getMessage().contains("image 5 is broken"), e.getMessage());
        }
    }

    @Test
    void closingInTheMiddleEndsTheThreadAndMayBeRepeated() throws InterruptedException {
        BatchLoader.Epoch batches = BatchLoader.of(new Numbers(1000, -1)).batch(1).epoch(0);
        batches.next();
        batches.close();
        batches.close();
        long alive =
                Thread.getAllStackTraces().keySet().stream()
                        .filter(t -> t.getName().equals("densenet4j-loader") && t.isAlive())
                        .count();
        assertEquals(0, alive);
        assertThrows(IllegalStateException.class, batches::next);
    }

    @Test
    void wrongSettingsAreRefused() {
        BatchLoader loader = BatchLoader.of(new Numbers(10, -1));
        assertThrows(IllegalArgumentException.class, () -> loader.batch(0));
        assertThrows(IllegalArgumentException.class, () -> loader.prefetch(0));
        assertThrows(
                IllegalArgumentException.class,
                () -> loader.normalise(new Normalisation(new float[1], new float[] {1})));
        assertThrows(
                IllegalArgumentException.class,
                () -> new Normalisation(new float[1], new float[1]));
        assertThrows(
                IllegalArgumentException.class, () -> new Batch(new float[3], new int[2], 1, 1, 3));
    }
}

package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.testing.FilledImages;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;

class BatchLoaderTest {
    /** Images of one pixel whose label tells their index. */
    private static Dataset numbers(int size, int failingIndex) {
        return new FilledImages(
                size,
                1,
                List.of(),
                (index, pixels) -> {
                    if (index == failingIndex) {
                        throw new IllegalStateException("image " + index + " is broken");
                    }
                    pixels[0] = (byte) index;
                });
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
    void theSharesOfABatchAreTheWholeOfItInOrder() {
        BatchLoader loader = BatchLoader.of(numbers(101, -1)).batch(12).shuffle(7);
        for (int ranks : List.of(1, 2, 3, 4)) {
            List<List<Integer>> batches = new ArrayList<>();
            for (int rank = 0; rank < ranks; rank++) {
                try (BatchLoader.Epoch epoch = loader.shard(rank, ranks).epoch(3)) {
                    for (Batch share : epoch) {
                        if (batches.size() < epoch.position()) {
                            batches.add(new ArrayList<>());
                        }
                        int inFull = epoch.position() < 9 ? 12 / ranks : share.size();
                        assertEquals(inFull, share.size());
                        for (int label : share.labels()) {
                            batches.get(epoch.position() - 1).add(label);
                        }
                    }
                }
            }
            List<Integer> all = batches.stream().flatMap(List::stream).toList();
            assertEquals(labels(loader, 3), all, ranks + " ranks");
        }
    }

    @Test
    void sharesOfALastBatchDifferByOneImageAndMayBeEmpty() {
        BatchLoader loader = BatchLoader.of(numbers(11, -1)).batch(4); // the last has three
        for (int rank = 0; rank < 4; rank++) {
            List<Integer> labels = labels(loader.shard(rank, 4), 0);
            assertEquals(rank == 0 ? 2 : 3, labels.size(), "rank " + rank);
        }
        assertEquals(5, labels(loader.shard(0, 2), 0).size()); // 2, 2 and one of the last three
        assertThrows(IllegalArgumentException.class, () -> loader.shard(2, 2));
        assertThrows(IllegalArgumentException.class, () -> loader.shard(-1, 2));
    }

    @Test
    void everyImageComesOncePerEpochInAnOrderOfItsOwn() {
        BatchLoader loader = BatchLoader.of(numbers(101, -1)).batch(8).shuffle(7);
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
                BatchLoader.of(numbers(40, -1))
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

    /** Images whose pixels are drawn by their index, of two classes, a few of which are broken. */
    private static Dataset drawnByIndex() {
        return new FilledImages(
                53,
                6,
                List.of("even", "odd"),
                (index, pixels) -> {
                    if (index % 17 == 3) {
                        throw new UncheckedIOException(new DataException("image " + index));
                    }
                    new SplittableRandom(index).nextBytes(pixels);
                });
    }

    @Test
    void indicesTellWhichImagesABatchHas() {
        Dataset data = drawnByIndex();
        BatchLoader loader = BatchLoader.of(data).batch(8).shuffle(3).skipBroken(name -> {});
        List<BatchLoader> loaders =
                List.of(
                        loader,
                        loader.threads(4),
                        loader.augment(new Augmentation(0, true)),
                        loader.relabelled(List.of("none", "odd", "even")));
        for (BatchLoader each : loaders) {
            List<Integer> seen = new ArrayList<>();
            for (Batch batch : batches(each, 1)) {
                assertEquals(batch.size(), batch.indices().length);
                for (int i = 0; i < batch.size(); i++) {
                    int index = batch.indices()[i];
                    seen.add(index);
                    assertEquals(data.classNames().get(index % 2), name(each, batch.labels()[i]));
                    assertEquals(sumOfPixels(data, index), sumOfImage(batch, i), 1e-3);
                }
            }
            assertNotEquals(seen.stream().sorted().toList(), seen);
            assertEquals(
                    IntStream.range(0, 53).filter(i -> i % 17 != 3).boxed().toList(),
                    seen.stream().sorted().toList());
        }
    }

    private static String name(BatchLoader loader, int label) {
        return loader.classNames().get(label);
    }

    /** Of values normalised by CIFAR-10's constants, which mirroring leaves as it is. */
    private static double sumOfPixels(Dataset data, int index) {
        byte[] pixels = new byte[data.height() * data.width() * data.channels()];
        data.read(index, pixels);
        double sum = 0;
        for (int p = 0; p < pixels.length; p++) {
            int c = p % 3;
            double value = Byte.toUnsignedInt(pixels[p]) / 255.0;
            sum += (value - Normalisation.CIFAR10.mean()[c]) / Normalisation.CIFAR10.deviation()[c];
        }
        return sum;
    }

    private static double sumOfImage(Batch batch, int image) {
        int size = batch.images().length / batch.size();
        double sum = 0;
        for (int p = image * size; p < (image + 1) * size; p++) {
            sum += batch.images()[p];
        }
        return sum;
    }

    @Test
    void aBatchHasAnIndexForEachImageOrNone() {
        float[] images = new float[2 * 3];
        assertEquals(0, new Batch(images, new int[2], 1, 1, 3).indices().length);
        IllegalArgumentException e =
                assertThrows(
                        IllegalArgumentException.class,
                        () ->
                                new Batch(
                                        images,
                                        new int[2],
                                        new int[1],
                                        1,
                                        1,
                                        3,
                                        ImageMetadata.NONE));
        assertEquals("2 images have 1 indices: give one for each, or none", e.getMessage());
    }

    @Test
    void aBrokenImageStopsTheConsumerWithItsMessage() {
        BatchLoader loader = BatchLoader.of(numbers(10, 5)).batch(4);
        try (BatchLoader.Epoch batches = loader.epoch(0)) {
            batches.next();
            IllegalStateException e = assertThrows(IllegalStateException.class, batches::next);
            assertTrue(e.getMessage().contains("image 5 is broken"), e.getMessage());
        }
    }

    /** 50 random images of odd size, three of which cannot be read. */
    private record Noise(boolean broken) implements Dataset {
        @Override
        public int size() {
            return 50;
        }

        @Override
        public int height() {
            return 7;
        }

        @Override
        public int width() {
            return 5;
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
            if (broken && index % 17 == 3) {
                throw new UncheckedIOException(
                        new DataException("image " + index + " cannot be read"));
            }
            new SplittableRandom(index).nextBytes(pixels);
        }

        @Override
        public Image image(int index) {
            byte[] pixels = new byte[11 * 13 * 3];
            new SplittableRandom(index).nextBytes(pixels);
            return new Image(11, 13, 3, pixels);
        }
    }

    private static List<Batch> batches(BatchLoader loader, int epoch) {
        List<Batch> all = new ArrayList<>();
        try (BatchLoader.Epoch batches = loader.epoch(epoch)) {
            batches.forEach(all::add);
        }
        return all;
    }

    @Test
    void pixelsDependOnSeedEpochAndIndexAndNotOnThreads() {
        for (Augmentation augmentation :
                List.of(
                        Augmentation.CIFAR,
                        Augmentation.IMAGENET.withJitter(ColourJitter.IMAGENET))) {
            BatchLoader loader =
                    BatchLoader.of(new Noise(false)).batch(8).shuffle(5).augment(augmentation);
            List<Batch> one = batches(loader, 3);
            List<Batch> several = batches(loader.threads(4).prefetch(1), 3);
            assertEquals(7, one.size());
            for (int b = 0; b < one.size(); b++) {
                assertArrayEquals(one.get(b).labels(), several.get(b).labels());
                assertArrayEquals(one.get(b).images(), several.get(b).images());
            }
            // In another epoch, or with another seed, the same image is changed differently.
            assertNotEquals(sumOfImage(loader, 3, 11), sumOfImage(loader, 4, 11));
            assertNotEquals(sumOfImage(loader, 3, 11), sumOfImage(loader.seed(6), 3, 11));
        }
    }

    private static double sumOfImage(BatchLoader loader, int epoch, int label) {
        for (Batch batch : batches(loader, epoch)) {
            int size = batch.images().length / batch.size();
            for (int i = 0; i < batch.size(); i++) {
                double sum = 0;
                for (int p = 0; p < size; p++) {
                    sum += (p + 1) * batch.images()[i * size + p];
                }
                if (batch.labels()[i] == label) {
                    return sum;
                }
            }
        }
        throw new AssertionError("no image " + label);
    }

    @Test
    void brokenImagesAreNamedOnceAndSkipped() {
        List<String> named = Collections.synchronizedList(new ArrayList<>());
        for (int threads : new int[] {1, 3}) {
            named.clear();
            BatchLoader loader =
                    BatchLoader.of(new Noise(true))
                            .batch(8)
                            .threads(threads)
                            .skipBroken(named::add);
            for (int epoch = 0; epoch < 2; epoch++) {
                List<Batch> all = batches(loader, epoch);
                assertEquals(7, all.size());
                assertEquals(47, all.stream().mapToInt(Batch::size).sum());
                for (Batch batch : all) {
                    for (int label : batch.labels()) {
                        assertNotEquals(3, label % 17);
                    }
                }
            }
            assertEquals(
                    List.of(
                            "image 20 cannot be read",
                            "image 3 cannot be read",
                            "image 37 cannot be read"),
                    named.stream().sorted().toList());
            assertEquals(3, loader.skippedImages());
        }
    }

    @Test
    void batchesWithoutAReadableImageAreLeftOut() {
        BatchLoader loader = BatchLoader.of(new Noise(true)).batch(1).skipBroken(name -> {});
        try (BatchLoader.Epoch batches = loader.epoch(0)) {
            int count = 0;
            while (batches.hasNext()) {
                Batch batch = batches.next();
                assertEquals(batch.labels()[0] + 1, batches.position());
                count++;
            }
            assertEquals(47, count);
        }
    }

    @Test
    void brokenImagesStopTheConsumerUnlessToldOtherwise() {
        for (int threads : new int[] {1, 3}) {
            try (BatchLoader.Epoch batches =
                    BatchLoader.of(new Noise(true)).batch(50).threads(threads).epoch(0)) {
                UncheckedIOException e = assertThrows(UncheckedIOException.class, batches::next);
                assertTrue(e.getCause().getMessage().contains("cannot be read"), e.getMessage());
                assertThrows(UncheckedIOException.class, batches::hasNext);
            }
        }
    }

    /** Fails as decoders do when the heap is full: they hide the error. */
    private static Dataset withoutMemory(RuntimeException failure) {
        return new Dataset() {
            @Override
            public int size() {
                return 4;
            }

            @Override
            public int height() {
                return 2;
            }

            @Override
            public int width() {
                return 2;
            }

            @Override
            public int channels() {
                return 3;
            }

            @Override
            public List<String> classNames() {
                return List.of("a");
            }

            @Override
            public int label(int index) {
                return 0;
            }

            @Override
            public void read(int index, byte[] pixels) {
                if (index == 1) {
                    throw failure;
                }
            }
        };
    }

    @Test
    void aLackOfMemoryIsNeverSkippedAsABrokenImage() {
        OutOfMemoryError full = new OutOfMemoryError("Java heap space");
        IOException hidden = new IOException("Caught exception during read: ", full);
        for (RuntimeException failure :
                List.of(
                        new UncheckedIOException(hidden),
                        new IllegalStateException(hidden),
                        new UncheckedIOException(new IOException(new StackOverflowError())))) {
            for (int threads : new int[] {1, 3}) {
                List<String> skipped = new ArrayList<>();
                BatchLoader loader =
                        BatchLoader.of(withoutMemory(failure))
                                .batch(2)
                                .threads(threads)
                                .skipBroken(skipped::add);
                try (BatchLoader.Epoch batches = loader.epoch(0)) {
                    assertThrows(VirtualMachineError.class, () -> batches.forEach(b -> {}));
                }
                assertEquals(List.of(), skipped);
                assertEquals(0, loader.skippedImages());
            }
        }
    }

    @Test
    void anImageThatTheHeapCannotHoldIsNeitherSkippedNorLosesItsMessage() {
        ImageMemoryException large =
                new ImageMemoryException("a.png: is large", new OutOfMemoryError());
        BatchLoader loader =
                BatchLoader.of(withoutMemory(new UncheckedIOException(large)))
                        .skipBroken(name -> {});
        try (BatchLoader.Epoch batches = loader.epoch(0)) {
            UncheckedIOException e =
                    assertThrows(UncheckedIOException.class, () -> batches.forEach(b -> {}));
            assertEquals(large, e.getCause());
        }
    }

    @Test
    void aFailureWithoutWordsIsNamedByItsKind() {
        BatchLoader loader = BatchLoader.of(withoutMemory(new IllegalStateException()));
        try (BatchLoader.Epoch batches = loader.epoch(0)) {
            IllegalStateException e =
                    assertThrows(IllegalStateException.class, () -> batches.forEach(b -> {}));
            assertTrue(e.getMessage().contains("IllegalStateException"), e.getMessage());
        }
    }

    @Test
    void closingInTheMiddleEndsTheThreadAndMayBeRepeated() throws InterruptedException {
        BatchLoader.Epoch batches = BatchLoader.of(numbers(1000, -1)).batch(1).threads(3).epoch(0);
        batches.next();
        batches.close();
        batches.close();
        // A thread that has nothing left to do still counts as alive for a moment.
        long giveUp = System.nanoTime() + 5_000_000_000L;
        while (loaderThreads() > 0 && System.nanoTime() < giveUp) {
            Thread.sleep(1);
        }
        assertEquals(0, loaderThreads());
        assertThrows(IllegalStateException.class, batches::next);
    }

    /** 200 bright images; reading one leaves the thread interrupted, and finding it so fails. */
    private static Dataset interrupting() {
        return new FilledImages(
                200,
                2,
                List.of(),
                (index, pixels) -> {
                    if (Thread.currentThread().isInterrupted()) {
                        throw new UncheckedIOException(new ClosedByInterruptException());
                    }
                    LockSupport.parkNanos(10_000); // so that the helpers get some of the images
                    Arrays.fill(pixels, (byte) 200);
                    Thread.currentThread().interrupt();
                });
    }

    @Test
    void aDataSetThatInterruptsItsThreadLosesNoImages() {
        float[] nothing = new float[3];
        for (int threads : new int[] {1, 4}) {
            List<String> skipped = Collections.synchronizedList(new ArrayList<>());
            BatchLoader loader =
                    BatchLoader.of(interrupting())
                            .batch(20)
                            .threads(threads)
                            .normalise(new Normalisation(nothing, new float[] {1, 1, 1}))
                            .skipBroken(skipped::add);
            List<Integer> labels = new ArrayList<>();
            for (Batch batch : batches(loader, 0)) {
                for (float value : batch.images()) {
                    assertEquals(200 / 255f, value, 1e-6f);
                }
                Arrays.stream(batch.labels()).forEach(labels::add);
            }
            assertEquals(IntStream.range(0, 200).boxed().toList(), labels);
            assertEquals(List.of(), skipped);
        }
    }

    private static long loaderThreads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(t -> t.getName().startsWith("densenet4j-loader") && t.isAlive())
                .count();
    }

    @Test
    void aDataSetWithoutClassNamesTellsTheNormalisationOnly() {
        ImageMetadata told = BatchLoader.of(new Noise(false)).metadata();
        assertEquals(Optional.empty(), told.classNames());
        assertEquals(Optional.of(Normalisation.CIFAR10), told.normalisation());
    }

    @Test
    void wrongSettingsAreRefused() {
        BatchLoader loader = BatchLoader.of(numbers(10, -1));
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

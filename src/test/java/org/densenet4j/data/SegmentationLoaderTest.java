package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.function.IntUnaryOperator;

class SegmentationLoaderTest {
    /**
     * Images whose pixels tell where they are: (row + 1, column + 1, index). The label is a
     * function of all three, and void here and there.
     */
    private record Grid(int size, IntUnaryOperator height, IntUnaryOperator width, int broken)
            implements SegmentationDataset {
        Grid(int size, int height, int width) {
            this(size, i -> height, i -> width, -1);
        }

        static int label(int row, int column, int index) {
            int mixed = 7 * row + 3 * column + index;
            return mixed % 11 == 5 ? LabelledImage.VOID : mixed % 4;
        }

        @Override
        public int channels() {
            return 3;
        }

        @Override
        public SegmentationClasses classes() {
            return SegmentationClasses.numbered(4);
        }

        @Override
        public String name(int index) {
            return "image " + index;
        }

        @Override
        public <T> T read(int index, Function<LabelledImage, T> use) {
            if (index == broken) {
                DataException e = new DataException(name(index) + ": is broken");
                throw new UncheckedIOException(e.getMessage(), e);
            }
            int h = height.applyAsInt(index);
            int w = width.applyAsInt(index);
            byte[] pixels = new byte[h * w * 3];
            byte[] labels = new byte[h * w];
            for (int i = 0; i < h * w; i++) {
                pixels[3 * i] = (byte) (i / w + 1);
                pixels[3 * i + 1] = (byte) (i % w + 1);
                pixels[3 * i + 2] = (byte) index;
                labels[i] = (byte) label(i / w, i % w, index);
            }
            return use.apply(new LabelledImage(new Image(h, w, 3, pixels), labels));
        }
    }

    private static List<SegmentationBatch> batches(SegmentationLoader loader, int epoch) {
        List<SegmentationBatch> all = new ArrayList<>();
        try (SegmentationLoader.Epoch batches = loader.epoch(epoch)) {
            batches.forEach(all::add);
        }
        return all;
    }

    private static int value(SegmentationBatch batch, int pixel, int channel) {
        return Math.round(255 * batch.images()[3 * pixel + channel]);
    }

    /** Every pixel of every image keeps its own label, wherever it was moved. */
    private static void assertLabelsFollowPixels(SegmentationBatch batch) {
        int area = batch.height() * batch.width();
        for (int p = 0; p < batch.labels().length; p++) {
            int row = value(batch, p, 0) - 1;
            int column = value(batch, p, 1) - 1;
            int index = batch.indices()[p / area];
            if (row < 0) {
                assertEquals(SegmentationBatch.VOID, batch.labels()[p], "padding");
                assertEquals(0, value(batch, p, 1));
            } else {
                int label = Grid.label(row, column, index);
                assertEquals(index, value(batch, p, 2));
                assertEquals(
                        label == LabelledImage.VOID ? SegmentationBatch.VOID : label,
                        batch.labels()[p]);
            }
        }
    }

    @Test
    void labelsFollowPixelsThroughRandomCropsPaddingAndFlips() {
        SplittableRandom random = new SplittableRandom(5);
        for (int trial = 0; trial < 30; trial++) {
            int height = random.nextInt(1, 12);
            int width = random.nextInt(1, 12);
            SegmentationLoader loader =
                    SegmentationLoader.of(new Grid(7, height, width))
                            .batch(random.nextInt(1, 8))
                            .shuffle(trial)
                            .flip(random.nextBoolean());
            for (SegmentationBatch whole : batches(loader, 0)) {
                assertEquals(height, whole.height());
                assertEquals(width, whole.width());
                assertLabelsFollowPixels(whole);
            }
            int cropHeight = random.nextInt(1, 14);
            int cropWidth = random.nextInt(1, 14);
            for (SegmentationBatch crop : batches(loader.randomCrops(cropHeight, cropWidth), 1)) {
                assertEquals(cropHeight, crop.height());
                assertEquals(cropWidth, crop.width());
                assertLabelsFollowPixels(crop);
                assertRowsAndColumnsAreConsecutive(crop);
            }
            batches(loader.centreCrops(cropHeight, cropWidth), 1)
                    .forEach(SegmentationLoaderTest::assertLabelsFollowPixels);
        }
    }

    /** It is one window of the image, not pixels from anywhere: all that fits of it is there. */
    private static void assertRowsAndColumnsAreConsecutive(SegmentationBatch batch) {
        int width = batch.width();
        for (int p = 0; p < batch.labels().length; p++) {
            boolean lastColumn = p % width == width - 1;
            if (value(batch, p, 0) > 0 && !lastColumn && value(batch, p + 1, 0) > 0) {
                assertEquals(value(batch, p, 0), value(batch, p + 1, 0));
                assertEquals(1, Math.abs(value(batch, p, 1) - value(batch, p + 1, 1)));
            }
            boolean lastRow = p / width % batch.height() == batch.height() - 1;
            if (value(batch, p, 0) > 0 && !lastRow && value(batch, p + width, 0) > 0) {
                assertEquals(value(batch, p, 1), value(batch, p + width, 1));
                assertEquals(value(batch, p, 0) + 1, value(batch, p + width, 0));
            }
        }
    }

    @Test
    void cropsOfLargerImagesReachEveryPlaceAndSmallerImagesAreWhole() {
        Set<Integer> places = new HashSet<>();
        Set<Integer> padded = new HashSet<>();
        SegmentationLoader loader = SegmentationLoader.of(new Grid(40, 5, 4)).seed(1);
        for (int epoch = 0; epoch < 5; epoch++) {
            for (SegmentationBatch crop : batches(loader.randomCrops(3, 3), epoch)) {
                places.add(10 * value(crop, 0, 0) + value(crop, 0, 1));
            }
            for (SegmentationBatch crop : batches(loader.randomCrops(6, 6), epoch)) {
                int pixels = 0;
                int first = -1;
                for (int p = 0; p < 36; p++) {
                    pixels += value(crop, p, 0) > 0 ? 1 : 0;
                    first = first < 0 && value(crop, p, 0) > 0 ? p : first;
                }
                assertEquals(20, pixels);
                padded.add(first);
            }
        }
        assertEquals(Set.of(11, 12, 21, 22, 31, 32), places);
        assertEquals(Set.of(0, 1, 2, 6, 7, 8), padded);
    }

    @Test
    void centreCropsTakeTheMiddle() {
        SegmentationBatch crop =
                batches(SegmentationLoader.of(new Grid(1, 5, 4)).centreCrops(3, 2), 0).getFirst();
        assertEquals(2, value(crop, 0, 0));
        assertEquals(2, value(crop, 0, 1));
        SegmentationBatch padded =
                batches(SegmentationLoader.of(new Grid(1, 1, 1)).centreCrops(3, 3), 0).getFirst();
        assertEquals(1, value(padded, 4, 0));
        assertEquals(1, padded.labelledPixels());
    }

    @Test
    void halfOfTheImagesAreMirroredAndDrawsDependOnSeedEpochAndIndexAlone() {
        SegmentationLoader loader =
                SegmentationLoader.of(new Grid(200, 3, 5)).batch(1).seed(3).flip(true);
        long mirrored = batches(loader, 4).stream().filter(b -> value(b, 0, 1) == 5).count();
        assertTrue(mirrored > 70 && mirrored < 130, "mirrored: " + mirrored);

        SegmentationLoader crops = loader.batch(8).shuffle(3).randomCrops(2, 2);
        List<SegmentationBatch> one = batches(crops, 4);
        List<SegmentationBatch> more = batches(crops.threads(3).prefetch(5), 4);
        for (int b = 0; b < one.size(); b++) {
            assertArrayEquals(one.get(b).indices(), more.get(b).indices());
            assertArrayEquals(one.get(b).images(), more.get(b).images());
            assertArrayEquals(one.get(b).labels(), more.get(b).labels());
        }
        try (SegmentationLoader.Epoch rest = crops.epoch(4, 20)) {
            assertArrayEquals(one.get(20).images(), rest.next().images());
        }
        assertFalse(Arrays.equals(one.getFirst().images(), batches(crops, 5).getFirst().images()));
    }

    @Test
    void pixelsAreNormalisedAndPaddingIsZeroBehindThat() {
        Normalisation n = new Normalisation(new float[] {0.5f, 0.25f, 0}, new float[] {2, 0.5f, 1});
        SegmentationLoader loader = SegmentationLoader.of(new Grid(1, 1, 1)).normalise(n);
        SegmentationBatch batch = batches(loader.centreCrops(1, 2), 0).getFirst();
        assertEquals((1 / 255f - 0.5f) / 2, batch.images()[3]);
        assertEquals((1 / 255f - 0.25f) / 0.5f, batch.images()[4]);
        assertEquals(0, batch.images()[0]);
        assertEquals(n, batch.metadata().normalisation().orElseThrow());
        assertEquals(List.of("0", "1", "2", "3"), batch.metadata().classNames().orElseThrow());
        assertThrows(IllegalArgumentException.class, () -> loader.normalise(Normalisation.none(1)));
        assertThrows(IllegalArgumentException.class, () -> loader.randomCrops(0, 3));
    }

    @Test
    void wholeImagesOfDifferentSizesInOneBatchAreNamed() {
        SegmentationLoader loader =
                SegmentationLoader.of(new Grid(6, i -> i == 3 ? 4 : 2, i -> 5, -1)).threads(3);
        assertEquals(6, batches(loader, 0).size());
        UncheckedIOException e =
                assertThrows(UncheckedIOException.class, () -> batches(loader.batch(4), 0));
        assertEquals(
                "image 0 is 5x2 pixels, image 3 5x4: whole images of one batch must have one size;"
                        + " use batches of one image, or crops",
                e.getMessage());
    }

    @Test
    void aBrokenImageStopsTheEpochOrIsLeftOut() {
        SegmentationLoader loader =
                SegmentationLoader.of(new Grid(5, i -> 2, i -> 3, 1)).batch(3).threads(2);
        UncheckedIOException e = assertThrows(UncheckedIOException.class, () -> batches(loader, 0));
        assertEquals("image 1: is broken", e.getMessage());
        List<String> named = new ArrayList<>();
        List<SegmentationBatch> rest = batches(loader.skipBroken(named::add), 0);
        assertEquals(List.of("image 1: is broken"), named);
        assertArrayEquals(new int[] {0, 2}, rest.getFirst().indices());
        assertLabelsFollowPixels(rest.getFirst());
        assertEquals(2, rest.get(1).size());
    }

    @Test
    void arraysThatDoNotFitAreRefused() {
        assertThrows(
                IllegalArgumentException.class,
                () ->
                        new SegmentationBatch(
                                new float[12],
                                new int[3],
                                new int[1],
                                2,
                                2,
                                3,
                                ImageMetadata.NONE));
        assertThrows(
                IllegalArgumentException.class,
                () ->
                        new SegmentationBatch(
                                new float[0], new int[0], new int[0], 2, 2, 3, ImageMetadata.NONE));
    }
}

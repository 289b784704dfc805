package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.data.RandomErasing.Filling;
import org.densenet4j.random.PhiloxRandom;
import org.densenet4j.testing.FilledImages;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Stream;

class AugmentationTest {
    private static final int SIDE = 12;

    private static Dataset noise(int size) {
        return new FilledImages(
                size,
                SIDE,
                List.of("a"),
                (index, pixels) -> new SplittableRandom(index).nextBytes(pixels));
    }

    private static float[] epoch(BatchLoader loader, int epoch, int from) {
        float[] all = new float[0];
        try (BatchLoader.Epoch batches = loader.epoch(epoch, from)) {
            for (Batch batch : batches) {
                int before = all.length;
                all = Arrays.copyOf(all, before + batch.images().length);
                System.arraycopy(batch.images(), 0, all, before, batch.images().length);
            }
        }
        return all;
    }

    static Stream<Augmentation> each() {
        return Stream.of(
                Augmentation.NONE.withVerticalFlip(true),
                Augmentation.NONE.withRotation(40),
                Augmentation.NONE.withRandAugment(RandAugment.DEFAULT),
                Augmentation.NONE.withErasing(new RandomErasing(0.7, Filling.PIXEL)),
                Augmentation.IMAGENET.withInterpolation(Interpolation.BICUBIC),
                Augmentation.CIFAR
                        .withRotation(10)
                        .withRandAugment(new RandAugment(3, 20))
                        .withErasing(new RandomErasing(1, Filling.COLOUR)));
    }

    /** So that a run that goes on, or one of more threads, trains on the same pixels. */
    @ParameterizedTest
    @MethodSource("each")
    void whatHappensIsAFunctionOfSeedEpochAndIndex(Augmentation augmentation) {
        BatchLoader loader = BatchLoader.of(noise(20)).batch(4).shuffle(3).augment(augmentation);
        float[] whole = epoch(loader, 2, 0);
        assertArrayEquals(whole, epoch(loader.threads(4), 2, 0));
        int image = SIDE * SIDE * 3;
        assertArrayEquals(Arrays.copyOfRange(whole, 8 * image, 20 * image), epoch(loader, 2, 2));
        assertFalse(Arrays.equals(whole, epoch(loader, 3, 0)));
        assertFalse(Arrays.equals(whole, epoch(loader.augment(Augmentation.NONE), 2, 0)));
    }

    /** Runs of before these changes were there draw their crops and flips as they did. */
    @Test
    void furtherChangesLeaveTheOtherDrawsAlone() {
        BatchLoader loader = BatchLoader.of(noise(10)).batch(10).seed(5);
        float[] plain = epoch(loader.augment(Augmentation.CIFAR), 1, 0);
        Augmentation erased = Augmentation.CIFAR.withErasing(new RandomErasing(1, Filling.ZERO));
        float[] further = epoch(loader.augment(erased), 1, 0);
        int same = 0;
        for (int i = 0; i < plain.length; i++) {
            assertTrue(further[i] == plain[i] || further[i] == 0);
            same += further[i] == plain[i] ? 1 : 0;
        }
        assertTrue(same > plain.length / 2 && same < plain.length, same + "");
    }

    @Test
    void halfOfTheImagesAreTurnedUpsideDown() {
        BatchLoader loader =
                BatchLoader.of(noise(200))
                        .batch(200)
                        .augment(Augmentation.NONE.withVerticalFlip(true));
        float[] plain = epoch(loader.augment(Augmentation.NONE), 0, 0);
        float[] flipped = epoch(loader, 0, 0);
        int row = SIDE * 3;
        int turned = 0;
        for (int i = 0; i < 200; i++) {
            int at = i * SIDE * row;
            boolean asItWas = Arrays.equals(plain, at, at + row, flipped, at, at + row);
            int from = asItWas ? at : at + (SIDE - 1) * row;
            assertTrue(Arrays.equals(plain, from, from + row, flipped, at, at + row));
            turned += asItWas ? 0 : 1;
        }
        assertTrue(turned > 70 && turned < 130, turned + "");
    }

    @ParameterizedTest
    @EnumSource
    void oneBoxIsErasedWithTheAreaAndShapeThatTorchvisionAllows(Filling filling) {
        int height = 40;
        int width = 30;
        RandomErasing erasing = new RandomErasing(0.5, filling);
        int erased = 0;
        for (int i = 0; i < 300; i++) {
            float[] values = new float[7 + height * width * 2];
            Arrays.fill(values, 99);
            erasing.apply(values, 7, height, width, 2, new PhiloxRandom(1, 4, 0, i));
            int top = height;
            int bottom = -1;
            int left = width;
            int right = -1;
            int count = 0;
            Set<Float> seen = new HashSet<>();
            for (int p = 0; p < height * width; p++) {
                if (values[7 + 2 * p] != 99) {
                    top = Math.min(top, p / width);
                    bottom = Math.max(bottom, p / width);
                    left = Math.min(left, p % width);
                    right = Math.max(right, p % width);
                    count++;
                    seen.add(values[7 + 2 * p]);
                }
            }
            if (count == 0) {
                continue;
            }
            erased++;
            int h = bottom - top + 1;
            int w = right - left + 1;
            assertEquals(h * w, count);
            double share = (double) count / height / width;
            assertTrue(share > 0.015 && share < 0.36, share + "");
            double aspect = (double) h / w;
            assertTrue(aspect > 0.2 && aspect < 4.5, aspect + "");
            switch (filling) {
                case ZERO -> assertEquals(Set.of(0f), seen);
                case COLOUR -> assertEquals(1, seen.size());
                case PIXEL -> assertTrue(seen.size() > count / 2);
            }
        }
        assertTrue(erased > 110 && erased < 190, erased + "");
    }

    @Test
    void randAugmentDrawsEveryOperationAndBothDirections() {
        byte[] pixels = new byte[SIDE * SIDE * 3];
        new SplittableRandom(2).nextBytes(pixels);
        Image image = new Image(SIDE, SIDE, 3, pixels);
        Set<List<Byte>> results = new HashSet<>();
        for (int i = 0; i < 2000; i++) {
            Image changed = new RandAugment(1, 9).apply(image, new PhiloxRandom(1, 4, 0, i));
            Byte[] boxed = new Byte[changed.pixels().length];
            Arrays.setAll(boxed, k -> changed.pixels()[k]);
            results.add(List.of(boxed));
        }
        // 9 in both directions, 5 in one; some may give the same pixels of so small an image.
        assertTrue(results.size() >= 20 && results.size() <= 23, results.size() + "");
    }

    @Test
    void numbersOutOfRangeAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> new RandAugment(0, 9));
        assertThrows(IllegalArgumentException.class, () -> new RandAugment(2, 31));
        assertThrows(IllegalArgumentException.class, () -> new RandomErasing(1.1, Filling.ZERO));
        assertThrows(IllegalArgumentException.class, () -> Augmentation.NONE.withRotation(-1));
        assertThrows(
                IllegalArgumentException.class, () -> new Resizing(Interpolation.BICUBIC, 1.01));
    }
}

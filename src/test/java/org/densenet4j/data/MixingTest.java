package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.random.PhiloxRandom;
import org.densenet4j.testing.FilledImages;
import org.junit.jupiter.api.Test;

import java.util.Arrays;
import java.util.List;

class MixingTest {
    private static final int SIDE = 16;
    private static final int IMAGES = 12;

    /** Image i has the value 20·i everywhere and class i modulo 3. */
    private static Dataset images() {
        return new FilledImages(
                IMAGES,
                SIDE,
                List.of("a", "b", "c"),
                (index, pixels) -> Arrays.fill(pixels, (byte) (20 * index)));
    }

    private static BatchLoader loader(Mixing mixing) {
        return BatchLoader.of(images())
                .normalise(Normalisation.none(3))
                .batch(4)
                .shuffle(5)
                .mix(mixing);
    }

    /** The share of each image in itself, told by the targets, is that of its pixels. */
    private static void check(Mixing mixing, boolean cuts) {
        try (BatchLoader.Epoch plain = loader(Mixing.NONE).epoch(1);
                BatchLoader.Epoch mixed = loader(mixing).epoch(1)) {
            while (plain.hasNext()) {
                Batch before = plain.next();
                Batch after = mixed.next();
                assertArrayEquals(before.indices(), after.indices());
                int each = before.images().length / 4;
                for (int i = 0; i < 4; i++) {
                    int other = (i + 3) % 4;
                    double own = before.images()[i * each];
                    double others = before.images()[other * each];
                    float[] now = Arrays.copyOfRange(after.images(), i * each, (i + 1) * each);
                    double mean = 0;
                    for (float value : now) {
                        mean += value / each;
                        boolean either =
                                Math.abs(value - own) < 1e-6 || Math.abs(value - others) < 1e-6;
                        assertTrue(either || !cuts, () -> value + " is of neither image");
                    }
                    double share = (mean - others) / (own - others);
                    float[] targets = new float[3];
                    targets[before.labels()[i]] += (float) share;
                    targets[before.labels()[other]] += (float) (1 - share);
                    assertArrayEquals(
                            targets, Arrays.copyOfRange(after.targets(), 3 * i, 3 * i + 3), 1e-4f);
                }
            }
            assertFalse(mixed.hasNext());
        }
    }

    @Test
    void labelsAreMixedAsPixelsAre() {
        check(new Mixing(1, 0), false);
        check(new Mixing(0, 1), true);
        check(new Mixing(0.2, 1), false);
    }

    @Test
    void whatIsMixedIsTheSameOnAnyNumberOfThreadsAndFromAnyBatchOn() {
        Mixing mixing = new Mixing(0.4, 1);
        try (BatchLoader.Epoch whole = loader(mixing).epoch(3);
                BatchLoader.Epoch threads = loader(mixing).threads(3).epoch(3);
                BatchLoader.Epoch resumed = loader(mixing).epoch(3, 1)) {
            for (int b = 0; b < 3; b++) {
                Batch batch = whole.next();
                Batch same = threads.next();
                assertArrayEquals(batch.images(), same.images());
                assertArrayEquals(batch.targets(), same.targets());
                if (b >= 1) {
                    Batch later = resumed.next();
                    assertArrayEquals(batch.images(), later.images());
                    assertArrayEquals(batch.targets(), later.targets());
                }
            }
        }
    }

    @Test
    void sharesHaveTheMeanAndVarianceOfABetaDistribution() {
        for (double alpha : new double[] {0.1, 0.4, 1, 3}) {
            PhiloxRandom random = new PhiloxRandom(1, 99, 0, 0);
            int draws = 20_000;
            double sum = 0;
            double squares = 0;
            for (int i = 0; i < draws; i++) {
                double share = Mixing.beta(alpha, random);
                assertTrue(share >= 0 && share <= 1);
                sum += share;
                squares += (share - 0.5) * (share - 0.5);
            }
            assertEquals(0.5, sum / draws, 0.015);
            assertEquals(1 / (4 * (2 * alpha + 1)), squares / draws, 0.004);
        }
    }

    @Test
    void oneImageStaysAsItIs() {
        float[] image = {1, 2, 3};
        float[] target = {0, 1};
        new Mixing(1, 0).apply(image, 1, 1, 1, 3, target, 2, new PhiloxRandom(1, 1, 1, 1));
        assertArrayEquals(new float[] {1, 2, 3}, image, 1e-6f);
        assertArrayEquals(new float[] {0, 1}, target, 1e-6f);
    }

    @Test
    void numbersOutOfRangeAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> new Mixing(-0.1, 0));
        assertThrows(IllegalArgumentException.class, () -> new Mixing(0, Double.NaN));
    }
}

package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

class BalancedOrderTest {
    private static List<Integer> indices(BatchLoader loader, int epoch, int from) {
        List<Integer> indices = new ArrayList<>();
        try (BatchLoader.Epoch batches = loader.epoch(epoch, from)) {
            for (Batch batch : batches) {
                for (int index : batch.indices()) {
                    indices.add(index);
                }
            }
        }
        return indices;
    }

    private static BatchLoader loader(LabelledPixels data) {
        return BatchLoader.of(data)
                .normalise(Normalisation.none(1))
                .batch(8)
                .shuffle(3)
                .balanced(true);
    }

    @Test
    void everyClassComesEquallyOftenAndNoImageAgainBeforeAllOfItsClassHaveCome() {
        LabelledPixels data = LabelledPixels.counts(80, 0, 15, 5); // no image of class 1
        List<Integer> epoch = indices(loader(data), 0, 0);
        assertEquals(100, epoch.size());
        long[] ofClass = new long[4];
        int[] times = new int[100];
        for (int index : epoch) {
            ofClass[data.label(index)]++;
            times[index]++;
        }
        for (int c : new int[] {0, 2, 3}) {
            assertTrue(ofClass[c] == 33 || ofClass[c] == 34, c + ": " + ofClass[c]);
        }
        for (int i = 0; i < 100; i++) {
            long images = i < 80 ? 80 : i < 95 ? 15 : 5;
            long all = ofClass[data.label(i)];
            assertTrue(times[i] == all / images || times[i] == all / images + 1, i + "");
        }
    }

    @Test
    void imagesOfABalancedOrderAreMixed() {
        LabelledPixels data = LabelledPixels.counts(12, 4);
        Mixing mixing = new Mixing(1, 0);
        assertEquals(
                indices(loader(data), 0, 0),
                indices(loader(data).mix(mixing).augment(Augmentation.NONE), 0, 0));
        try (BatchLoader.Epoch batches =
                BatchLoader.of(data)
                        .normalise(Normalisation.none(1))
                        .batch(8)
                        .mix(mixing)
                        .balanced(true)
                        .epoch(0)) {
            float[] targets = batches.next().targets();
            assertEquals(16, targets.length);
            assertTrue(targets[0] != 0 && targets[0] != 1 || targets[2] != 0 && targets[2] != 1);
        }
    }

    /** Shifted by up to a pixel, an image of one pixel is itself or empty. */
    @Test
    void anImageThatComesAgainIsChangedInAnotherWay() {
        LabelledPixels data = LabelledPixels.counts(60, 4);
        Map<Integer, Set<Float>> seen = new HashMap<>();
        BatchLoader loader = loader(data).augment(new Augmentation(1, false));
        try (BatchLoader.Epoch batches = loader.epoch(0)) {
            for (Batch batch : batches) {
                for (int i = 0; i < batch.size(); i++) {
                    seen.computeIfAbsent(batch.indices()[i], index -> new HashSet<>())
                            .add(batch.images()[i]);
                }
            }
        }
        assertTrue(seen.values().stream().anyMatch(values -> values.size() == 2), seen.toString());
    }

    @Test
    void largeClassesComeWholeOverSomeEpochs() {
        LabelledPixels data = LabelledPixels.counts(60, 4);
        Set<Integer> seen = new HashSet<>();
        for (int epoch = 0; epoch < 12; epoch++) {
            seen.addAll(indices(loader(data), epoch, 0));
        }
        assertEquals(64, seen.size());
    }

    @Test
    void theOrderIsAFunctionOfSeedAndEpochAndGoesOnWhereItWas() {
        LabelledPixels data = LabelledPixels.counts(30, 10);
        List<Integer> whole = indices(loader(data), 2, 0);
        assertEquals(whole, indices(loader(data).threads(3), 2, 0));
        assertEquals(whole.subList(16, 40), indices(loader(data), 2, 2));
        assertNotEquals(whole, indices(loader(data), 3, 0));
        assertNotEquals(whole, indices(loader(data).shuffle(4), 2, 0));
    }
}

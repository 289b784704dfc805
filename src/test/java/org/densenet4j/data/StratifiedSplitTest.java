package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;

class StratifiedSplitTest {
    private static long ofClass(Dataset data, int label) {
        return IntStream.range(0, data.size()).filter(i -> data.label(i) == label).count();
    }

    private static Set<Integer> indices(DatasetSubset part) {
        Set<Integer> indices = new TreeSet<>();
        IntStream.range(0, part.size()).forEach(i -> indices.add(part.indexInWhole(i)));
        return indices;
    }

    @Test
    void everyClassGivesItsShareAndKeepsOneAtLeast() {
        StratifiedSplit split = StratifiedSplit.of(LabelledPixels.counts(100, 24, 3, 2, 1), 0.1, 1);
        long[] held = IntStream.range(0, 5).mapToLong(c -> ofClass(split.heldOut(), c)).toArray();
        assertEquals("[10, 2, 1, 1, 0]", Arrays.toString(held));
        StratifiedSplit most = StratifiedSplit.of(LabelledPixels.counts(100, 2), 0.999, 1);
        assertEquals(1, ofClass(most.train(), 0));
        assertEquals(1, ofClass(most.train(), 1));
    }

    @Test
    void thePartsAreTheWholeInItsOrderAndReadItsImages() {
        LabelledPixels data = LabelledPixels.counts(30, 30);
        StratifiedSplit split = StratifiedSplit.of(data, 0.3, 5);
        Set<Integer> all = indices(split.train());
        all.addAll(indices(split.heldOut()));
        assertEquals(60, all.size());
        assertEquals(60, split.train().size() + split.heldOut().size());
        byte[] pixel = new byte[1];
        int before = -1;
        for (int i = 0; i < split.heldOut().size(); i++) {
            split.heldOut().read(i, pixel);
            assertEquals(split.heldOut().indexInWhole(i), pixel[0]);
            assertEquals(pixel[0], split.heldOut().image(i).pixels()[0]);
            assertEquals(data.label(pixel[0]), split.heldOut().label(i));
            assertTrue(before < pixel[0]);
            before = pixel[0];
        }
    }

    @Test
    void theSeedDecides() {
        LabelledPixels data = LabelledPixels.counts(50, 50);
        Set<Integer> first = indices(StratifiedSplit.of(data, 0.2, 1).heldOut());
        assertEquals(first, indices(StratifiedSplit.of(data, 0.2, 1).heldOut()));
        assertNotEquals(first, indices(StratifiedSplit.of(data, 0.2, 2).heldOut()));
    }

    /** Otherwise a run that goes on would test on what it has trained on. */
    @Test
    void anImageThatIsAddedMovesNoOtherWhereTheCountsStay() {
        StratifiedSplit before =
                StratifiedSplit.of(LabelledPixels.counts(40), i -> "n" + i, 0.1, 1);
        StratifiedSplit after =
                StratifiedSplit.of(
                        LabelledPixels.counts(41), i -> i == 0 ? "new" : "n" + (i - 1), 0.1, 1);
        Set<Integer> moved = new TreeSet<>();
        indices(after.heldOut()).forEach(i -> moved.add(i - 1));
        moved.removeAll(indices(before.heldOut()));
        assertTrue(moved.size() <= 1, moved.toString());
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, 1, -0.1, Double.NaN})
    void sharesThatAreNoneAreRefused(double share) {
        LabelledPixels data = LabelledPixels.counts(5);
        assertThrows(IllegalArgumentException.class, () -> StratifiedSplit.of(data, share, 1));
    }

    @Test
    void classesOfOneImageCannotBeSplit() {
        LabelledPixels data = LabelledPixels.counts(1, 1, 1);
        String message =
                assertThrows(IllegalArgumentException.class, () -> StratifiedSplit.of(data, 0.5, 1))
                        .getMessage();
        assertTrue(message.contains("no class has two"), message);
    }
}

package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.FamilySpec;
import org.junit.jupiter.api.Test;

import java.util.Arrays;

class RandomImagesTest {
    private static final DenseNetSpec SPEC = DenseNetSpec.preset("bc-10-4").inputSize(8).build();

    @Test
    void aBatchThatIsStagedIsNotOverwrittenBeforeItsStep() {
        RandomImages two = new RandomImages(SPEC, 3, 1, 2, 0);
        RandomBatch first = two.next();
        float[] before = first.images().clone();
        assertNotSame(first.images(), two.next().images());
        assertArrayEquals(before, first.images());
        assertSame(first.images(), two.next().images());
    }

    @Test
    void theSameBatchesComeWithOneArrayAndWithTwo() {
        RandomImages one = new RandomImages(SPEC, 3, 1, 1, 0);
        RandomImages two = new RandomImages(SPEC, 3, 1, 2, 0);
        for (int i = 0; i < 3; i++) {
            RandomBatch expected = one.next();
            RandomBatch actual = two.next();
            assertArrayEquals(expected.images(), actual.images());
            assertArrayEquals(expected.labels(), actual.labels());
        }
    }

    @Test
    void repeatedBatchesComeInTurn() {
        RandomImages images = new RandomImages(SPEC, 3, 1, 1, 2);
        RandomBatch first = images.next();
        RandomBatch second = images.next();
        assertFalse(Arrays.equals(first.images(), second.images()));
        assertSame(first, images.next());
        assertSame(second, images.next());
    }

    @Test
    void aNetworkThatClassifiesPixelsGetsALabelForEachOfThem() {
        NetworkSpec spec = FamilySpec.preset("fc-densenet56").inputSize(32, 48).classes(3).build();
        RandomBatch batch = new RandomImages(spec, 2, 1, 1, 0).next();
        assertEquals(2 * 32 * 48 * 3, batch.images().length);
        assertEquals(2 * 32 * 48, batch.labels().length);
        assertArrayEquals(
                new int[] {0, 1, 2}, Arrays.stream(batch.labels()).distinct().sorted().toArray());
    }

    @Test
    void numbersThatMakeNoSenseAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> new RandomImages(SPEC, 0, 1, 1, 0));
        assertThrows(IllegalArgumentException.class, () -> new RandomImages(SPEC, 3, 1, 1, -1));
    }
}

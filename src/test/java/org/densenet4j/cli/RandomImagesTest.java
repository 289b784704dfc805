package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.densenet4j.data.Batch;
import org.densenet4j.spec.DenseNetSpec;
import org.junit.jupiter.api.Test;

import java.util.Arrays;

class RandomImagesTest {
    private static final DenseNetSpec SPEC = DenseNetSpec.preset("bc-10-4").inputSize(8).build();

    @Test
    void aBatchThatIsStagedIsNotOverwrittenBeforeItsStep() {
        RandomImages two = new RandomImages(SPEC, 3, 1, 2, 0);
        Batch first = two.next();
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
            Batch expected = one.next();
            Batch actual = two.next();
            assertArrayEquals(expected.images(), actual.images());
            assertArrayEquals(expected.labels(), actual.labels());
        }
    }

    @Test
    void repeatedBatchesComeInTurn() {
        RandomImages images = new RandomImages(SPEC, 3, 1, 1, 2);
        Batch first = images.next();
        Batch second = images.next();
        assertFalse(Arrays.equals(first.images(), second.images()));
        assertSame(first, images.next());
        assertSame(second, images.next());
    }

    @Test
    void numbersThatMakeNoSenseAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> new RandomImages(SPEC, 0, 1, 1, 0));
        assertThrows(IllegalArgumentException.class, () -> new RandomImages(SPEC, 3, 1, 1, -1));
    }
}

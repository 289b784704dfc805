package org.densenet4j.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.SplittableRandom;

class PoolShapeTest {
    private static PoolShape square(int size, int kernel, int stride, int padding, boolean ceil) {
        return new PoolShape(size, size + 1, kernel, kernel, stride, padding, ceil);
    }

    /** Of {@code torch.nn.MaxPool2d} (1.13) on an image of that height. */
    @ParameterizedTest
    @CsvSource({
        "5, 2, 2, 0, false, 2",
        "5, 2, 2, 0, true,  3",
        "6, 3, 2, 1, false, 3",
        "6, 3, 2, 1, true,  4",
        "7, 3, 2, 1, true,  4",
        "5, 1, 3, 0, true,  2",
        "3, 2, 2, 1, false, 2",
        "3, 2, 2, 1, true,  2",
        "2, 2, 3, 1, true,  1",
        "150, 2, 2, 0, true, 75",
        "8, 3, 1, 1, false, 8",
    })
    void thereAreAsManyWindowsAsInPyTorch(
            int height, int kernel, int stride, int padding, boolean ceil, int windows) {
        assertEquals(windows, square(height, kernel, stride, padding, ceil).outHeight());
    }

    @Test
    void pixelsAndWindowsTellTheSameOfEachOther() {
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < 500; i++) {
            int kernel = 1 + random.nextInt(5);
            int padding = random.nextInt(kernel / 2 + 1);
            int size = Math.max(1, kernel - 2 * padding) + random.nextInt(9);
            PoolShape s =
                    square(size, kernel, 1 + random.nextInt(4), padding, random.nextBoolean());
            for (int window = 0; window < s.outHeight(); window++) {
                assertTrue(s.top(window) < s.bottom(window), s + " has an empty window");
                for (int row = 0; row < s.height(); row++) {
                    assertEquals(
                            row >= s.top(window) && row < s.bottom(window),
                            window >= s.firstOver(row) && window < s.endOver(row),
                            s + " row " + row + " window " + window);
                }
            }
            for (int window = 0; window < s.outWidth(); window++) {
                assertTrue(s.left(window) < s.right(window), s + " has an empty window");
                for (int column = 0; column < s.width(); column++) {
                    assertEquals(
                            column >= s.left(window) && column < s.right(window),
                            window >= s.firstBeside(column) && window < s.endBeside(column),
                            s + " column " + column + " window " + window);
                }
            }
        }
    }

    @Test
    void aGlobalPoolHasOneWindow() {
        PoolShape s = PoolShape.global(7, 3);
        assertEquals(1, s.outPixels());
        assertEquals(1f / 21, s.share(0, 0));
    }

    @ParameterizedTest
    @CsvSource({
        "0, 2, 2, 0, sizes and stride must be at least 1",
        "4, 2, 0, 0, sizes and stride must be at least 1",
        "4, 3, 2, 2, padding 2 of a 3x3 pool: it must be from 0 to half of the window",
        "4, 2, 2, -1, padding -1 of a 2x2 pool: it must be from 0 to half of the window",
        "4, 7, 2, 1, a 7x7 pool with padding 1 does not fit into 4x5 pixels",
    })
    void whatPyTorchRefusesIsRefused(
            int height, int kernel, int stride, int padding, String message) {
        IllegalArgumentException e =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> square(height, kernel, stride, padding, false));
        assertTrue(e.getMessage().contains(message), e.getMessage());
    }
}

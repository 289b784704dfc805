package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Matrix;
import org.junit.jupiter.api.Test;

/** Kernels on as many blocks as fill a large GPU, emulated; the contract suite has few blocks. */
class ManyTilesTest {
    private static final int BLOCKS = 660;
    private static final int ROWS = 6000;
    private static final int CHANNELS = 19;

    @Test
    void statisticsOfHundredsOfTilesAreCombined() {
        for (int offset : new int[] {0, 100}) {
            try (EmulatedOperands o = new EmulatedOperands(5)) {
                Matrix x = o.normal(ROWS, CHANNELS);
                for (int r = 0; r < ROWS; r++) {
                    for (int c = 0; c < CHANNELS; c++) {
                        o.set(x, r, c, offset + o.get(x, r, c));
                    }
                }
                assertTrue(Tiling.of(ROWS, CHANNELS, BLOCKS, x).rowTiles() > 500);
                Matrix partial = o.normal(2, CHANNELS);
                o.disturbScratch();
                o.kernels(BLOCKS).channelStatistics(x, partial);
                for (int c = 0; c < CHANNELS; c++) {
                    double sum = 0;
                    for (int r = 0; r < ROWS; r++) {
                        sum += o.get(x, r, c);
                    }
                    double mean = sum / ROWS;
                    double squares = 0;
                    for (int r = 0; r < ROWS; r++) {
                        double d = o.get(x, r, c) - mean;
                        squares += d * d;
                    }
                    assertEquals(mean, o.get(partial, 0, c), 1e-7 * (1 + offset));
                    assertEquals(squares, o.get(partial, 1, c), 1e-5 * squares);
                }
            }
        }
    }

    @Test
    void sumsOfHundredsOfTilesAreAdded() {
        try (EmulatedOperands o = new EmulatedOperands(6)) {
            Matrix x = o.normal(ROWS, CHANNELS);
            Matrix gradient = o.normal(ROWS, CHANNELS);
            Matrix affine = o.normal(2, CHANNELS);
            Matrix statistics = o.normal(3, CHANNELS);
            Matrix partial = o.normal(2, CHANNELS);
            float[] before = o.values(gradient);
            o.disturbScratch();
            o.kernels(BLOCKS).maskRelu(gradient, x, affine, statistics, partial);
            for (int c = 0; c < CHANNELS; c++) {
                double sum = 0;
                double products = 0;
                double size = 0;
                for (int r = 0; r < ROWS; r++) {
                    float value = o.get(x, r, c);
                    float g = before[r * CHANNELS + c];
                    if (Math.fma(value, o.get(affine, 0, c), o.get(affine, 1, c)) > 0) {
                        sum += g;
                        products += g * ((double) value - o.get(statistics, 0, c));
                        size += Math.abs(g * ((double) value - o.get(statistics, 0, c)));
                    }
                }
                assertEquals(sum, o.get(partial, 0, c), 1e-6 * (ROWS + size));
                assertEquals(products, o.get(partial, 1, c), 1e-6 * (ROWS + size));
            }
        }
    }

    /** A broken number must be found and not hidden, wherever in a window it lies. */
    @Test
    void aNanInAWindowIsItsMaximum() {
        try (EmulatedOperands o = new EmulatedOperands(7)) {
            Matrix x = o.normal(5 * 5, 4);
            Matrix affine = o.normal(2, 4);
            Matrix out = o.normal(3 * 3, 4);
            for (int pixel = 0; pixel < 25; pixel++) {
                float kept = o.get(x, pixel, 1);
                o.set(x, pixel, 1, Float.NaN);
                o.kernels(BLOCKS).normaliseReluMaxPool(x, 1, 5, 5, affine, out);
                for (int window = 0; window < 9; window++) {
                    boolean meets =
                            Math.abs(2 * (window / 3) - pixel / 5) <= 1
                                    && Math.abs(2 * (window % 3) - pixel % 5) <= 1;
                    assertEquals(meets, Float.isNaN(o.get(out, window, 1)), pixel + ", " + window);
                }
                o.set(x, pixel, 1, kept);
            }
        }
    }
}

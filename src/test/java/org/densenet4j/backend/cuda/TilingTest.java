package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.junit.jupiter.api.Test;

import java.util.SplittableRandom;

class TilingTest {
    @Test
    void tilesCoverEveryRowAndChannelOnceAndSumsFitTheScratch() {
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < 10_000; i++) {
            int rows = 1 + random.nextInt(random.nextBoolean() ? 10 : 1_000_000);
            int columns = 1 + random.nextInt(random.nextBoolean() ? 50 : 3000);
            int blocks = 1 + random.nextInt(2000);
            int stride = columns + random.nextInt(9);
            Matrix x = Matrix.strided(4L * random.nextInt(9), rows, columns, stride);
            Tiling t = Tiling.of(rows, columns, blocks, x);
            String what = t + " for " + x;
            Grid g = t.grid();
            assertEquals(Tiling.THREADS, g.threadsX() * g.threadsY(), what);
            int perTile = g.threadsX() * t.vector();
            assertTrue((long) g.blocksX() * perTile >= columns, what);
            assertTrue((long) (g.blocksX() - 1) * perTile < columns, what);
            assertTrue((long) t.rowTiles() * t.rowsPerTile() >= rows, what);
            assertTrue((long) (t.rowTiles() - 1) * t.rowsPerTile() < rows, what);
            assertTrue(t.rowTiles() <= 65_535, what);
            assertTrue(t.rowTiles() * 2L * columns * 4 <= Tiling.REDUCTION_BYTES, what);
        }
    }

    @Test
    void fourChannelsAreOneAccessOnlyWhereEveryRowStartsOnSixteenBytes() {
        assertEquals(4, Tiling.of(9, 12, 8, Matrix.strided(96, 9, 12, 216)).vector());
        assertEquals(1, Tiling.of(9, 12, 8, Matrix.strided(96, 9, 12, 215)).vector());
        assertEquals(1, Tiling.of(9, 12, 8, Matrix.strided(100, 9, 12, 216)).vector());
        assertEquals(1, Tiling.of(9, 13, 8, Matrix.strided(96, 9, 13, 216)).vector());
    }

    @Test
    void fourChannelsInBFloat16AreOneAccessWhereEveryRowStartsOnEightBytes() {
        DataType halves = DataType.BFLOAT16;
        assertEquals(4, Tiling.of(9, 12, 8, new Matrix(104, 9, 12, 36, halves)).vector());
        assertEquals(1, Tiling.of(9, 12, 8, new Matrix(104, 9, 12, 34, halves)).vector());
        assertEquals(1, Tiling.of(9, 12, 8, new Matrix(100, 9, 12, 36, halves)).vector());
        Matrix x = new Matrix(104, 9, 12, 36, halves);
        // A vector of a value per channel beside it is float32, and four of those are 16 bytes.
        assertEquals(1, Tiling.of(9, 12, 8, x, Matrix.vector(8, 12)).vector());
        assertEquals("pass_bf16_v4", Tiling.of(9, 12, 8, x, Matrix.vector(16, 12)).entry("pass"));
    }

    @Test
    void aKernelThatReadsOneTypeAndWritesAnotherHasANameForIt() {
        Tiling t = Tiling.of(9, 12, 8, Matrix.dense(0, 9, 12));
        DataType floats = DataType.FLOAT32;
        DataType halves = DataType.BFLOAT16;
        assertEquals("copy_v4", t.entry("copy", floats, floats));
        assertEquals("copy_to_bf16_v4", t.entry("copy", floats, halves));
        assertEquals("copy_from_bf16_v4", t.entry("copy", halves, floats));
    }
}

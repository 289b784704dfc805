package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.util.List;
import java.util.SplittableRandom;

class ProductTilingTest {
    private static final ProductTiling.Tile TALL = new ProductTiling.Tile(128, 64);
    private static final ProductTiling.Tile SMALL = new ProductTiling.Tile(64, 64);

    @Test
    void tilesCoverTheResultPartsCoverTheSumAndScratchHoldsThem() {
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < 10_000; i++) {
            int m = 1 + random.nextInt(random.nextBoolean() ? 200 : 4_000_000);
            int n = 1 + random.nextInt(2000);
            int k = 1 + random.nextInt(random.nextBoolean() ? 200 : 4_000_000);
            int multiprocessors = 1 + random.nextInt(200);
            long scratch = random.nextBoolean() ? Long.MAX_VALUE : random.nextLong(64L << 20);
            ProductTiling t =
                    ProductTiling.of(m, n, k, List.of(TALL, SMALL), multiprocessors, scratch);
            String what = t + " for " + m + " x " + n + " x " + k;
            int down = Math.ceilDiv(m, t.tile().rows());
            int across = Math.ceilDiv(n, t.tile().columns());
            assertEquals(down * across, t.tiles(), what);
            assertTrue((long) t.parts() * t.depthOfPart() >= k, what);
            assertTrue((long) (t.parts() - 1) * t.depthOfPart() < k, what);
            assertTrue(t.parts() == 1 || t.parts() * t.tiles() <= 2 * multiprocessors, what);
            assertTrue(t.parts() <= 65_535, what);
            assertEquals(0, t.depthOfPart() % 16, what);
            assertEquals(t.parts() == 1 ? 0 : 4L * m * n * t.parts(), t.scratchBytes(), what);
            assertTrue(t.scratchBytes() <= scratch, what);
        }
    }

    @Test
    void theWeightGradientOfAChunkFillsTheDevice() {
        ProductTiling t =
                ProductTiling.of(128, 256, 802_816, List.of(TALL, SMALL), 132, Long.MAX_VALUE);
        assertEquals(TALL, t.tile());
        assertEquals(4, t.tiles());
        assertEquals(66, t.parts());
    }

    @Test
    void aTileThatFitsIsTaken() {
        ProductTiling t =
                ProductTiling.of(48, 200, 6000, List.of(TALL, SMALL), 132, Long.MAX_VALUE);
        assertEquals(SMALL, t.tile());
    }
}

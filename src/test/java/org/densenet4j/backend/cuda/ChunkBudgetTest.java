package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ChunkBudgetTest {
    private static final long HALF_CACHE = 25L << 20;
    private static final long H100 = 3_352_000_000_000L;

    @Test
    void aLargePlanHasChunksOfEightyMicrosecondsOfTraffic() {
        assertEquals(268_160_000, new ChunkBudget(1, HALF_CACHE, H100).bytes(7_000_000_000L));
    }

    @Test
    void chunksTakeAtMostAnEighthOfWhatAPlanKeeps() {
        assertEquals(45_000_000, new ChunkBudget(1, HALF_CACHE, H100).bytes(360_000_000));
    }

    @Test
    void chunksOfTheCacheAreAlwaysAllowed() {
        assertEquals(HALF_CACHE, new ChunkBudget(1, HALF_CACHE, H100).bytes(1_000_000));
        assertEquals(HALF_CACHE, new ChunkBudget(1, HALF_CACHE, 0).bytes(7_000_000_000L));
    }

    @Test
    void aFactorScalesAndInfinityTakesEverything() {
        long one = new ChunkBudget(1, HALF_CACHE, H100).bytes(360_000_000);
        assertEquals(one / 2, new ChunkBudget(0.5, HALF_CACHE, H100).bytes(360_000_000));
        double infinity = Double.POSITIVE_INFINITY;
        assertTrue(new ChunkBudget(infinity, HALF_CACHE, H100).bytes(360_000_000) > 1L << 60);
    }
}

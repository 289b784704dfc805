package org.densenet4j.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicIntegerArray;

/** How chunks are dealt to lanes. */
class LanesTest {
    private static Lanes lanes(int count, boolean fixedDeal) {
        return new Lanes(count, fixedDeal, () -> {});
    }

    @ParameterizedTest
    @CsvSource({"1, false", "2, false", "3, false", "7, false", "2, true", "7, true"})
    void everyChunkRunsOnceInManyPasses(int count, boolean fixedDeal) {
        try (Lanes lanes = lanes(count, fixedDeal)) {
            for (int pass = 0; pass < 500; pass++) {
                AtomicIntegerArray runs = new AtomicIntegerArray(pass % 23);
                lanes.forEachChunk(runs.length(), (lane, chunk) -> runs.incrementAndGet(chunk));
                for (int chunk = 0; chunk < runs.length(); chunk++) {
                    assertEquals(1, runs.get(chunk));
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 5})
    void aLaneThatIsDoneTakesChunksOfOneThatIsNot(int count) {
        int chunks = 4 * count;
        CountDownLatch begun = new CountDownLatch(count);
        CountDownLatch others = new CountDownLatch(chunks - 1);
        int[] by = new int[chunks];
        try (Lanes lanes = lanes(count, false)) {
            lanes.forEachChunk(
                    chunks,
                    (lane, chunk) -> {
                        by[chunk] = lane;
                        if (chunk % 4 == 0) {
                            begun.countDown();
                            await(begun);
                        }
                        if (chunk == 0) {
                            await(others);
                        } else {
                            others.countDown();
                        }
                    });
        }
        for (int chunk = 1; chunk < chunks; chunk++) {
            assertTrue(by[chunk] != by[0], "chunk " + chunk);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void everyLaneBeginsWithItsOwnShare(boolean fixedDeal) {
        int[] by = new int[8];
        CountDownLatch both = new CountDownLatch(2);
        try (Lanes lanes = lanes(2, fixedDeal)) {
            lanes.forEachChunk(
                    by.length,
                    (lane, chunk) -> {
                        if (chunk % 4 == 0) {
                            both.countDown();
                            await(both);
                        }
                        by[chunk] = lane;
                    });
        }
        assertEquals(0, by[0]);
        assertEquals(1, by[4]);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aChunkThatFailsEndsThePassAndTheNextOneRuns(boolean fixedDeal) {
        try (Lanes lanes = lanes(3, fixedDeal)) {
            for (int failing = 0; failing < 9; failing++) {
                int bad = failing;
                IllegalArgumentException e =
                        assertThrows(
                                IllegalArgumentException.class,
                                () -> lanes.forEachChunk(9, (lane, chunk) -> fail(chunk, bad)));
                assertEquals("chunk " + bad, e.getMessage());
                AtomicIntegerArray runs = new AtomicIntegerArray(9);
                lanes.forEachChunk(9, (lane, chunk) -> runs.incrementAndGet(chunk));
                assertEquals("[1, 1, 1, 1, 1, 1, 1, 1, 1]", runs.toString());
            }
        }
    }

    private static void fail(int chunk, int bad) {
        if (chunk == bad) {
            throw new IllegalArgumentException("chunk " + bad);
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}

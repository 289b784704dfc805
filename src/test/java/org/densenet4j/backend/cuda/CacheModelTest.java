package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Matrix;
import org.junit.jupiter.api.Test;

class CacheModelTest {
    private static final long CACHE = 1 << 20;

    private final CacheModel model = new CacheModel(8 * CACHE, CACHE);

    private static Matrix block(long offset, long bytes) {
        return Matrix.dense(offset, (int) (bytes / 1024), 256);
    }

    @Test
    void whatFitsIsFetchedOnce() {
        Matrix half = block(0, CACHE / 2);
        for (int i = 0; i < 3; i++) {
            model.run(Traffic.reading(half));
        }
        assertEquals(half.bytes(), model.bytes());
    }

    @Test
    void whatDoesNotFitIsFetchedEveryTime() {
        Matrix twice = block(0, 2 * CACHE);
        for (int i = 0; i < 3; i++) {
            model.run(Traffic.reading(twice));
        }
        assertEquals(3 * twice.bytes(), model.bytes());
    }

    @Test
    void whatIsWrittenReachesMemoryWhenItGivesWay() {
        Matrix half = block(0, CACHE / 2);
        model.run(Traffic.filling(half));
        model.run(Traffic.reading(half));
        assertEquals(0, model.bytes());
        Matrix other = block(CACHE, CACHE);
        model.run(Traffic.reading(other));
        assertEquals(half.bytes() + other.bytes(), model.bytes());
    }

    @Test
    void rowsApartCountAloneAndOnlyTheirColumns() {
        Matrix prefix = Matrix.strided(0, 100, 64, 256);
        model.run(Traffic.reading(prefix));
        assertEquals(prefix.bytes(), model.bytes());
        model.run(Traffic.reading(Matrix.strided(0, 100, 96, 256)));
        assertEquals(prefix.bytes() * 3 / 2, model.bytes());
    }

    @Test
    void aChunkThatIsWrittenAndReadAtOnceStaysInside() {
        Matrix source = block(2 * CACHE, 4 * CACHE);
        Matrix scratch = block(0, CACHE / 4);
        int rows = scratch.rows();
        for (int chunk = 0; chunk < 16; chunk++) {
            Matrix part = source.rows(chunk * rows, rows);
            model.run(Traffic.reading(part).writing(scratch));
            model.run(Traffic.reading(scratch));
        }
        assertEquals(source.bytes(), model.bytes());
    }

    @Test
    void whoBeginsWhereTheOneBeforeEndedFindsWhatFits() {
        Matrix twice = block(0, 2 * CACHE);
        model.run(Traffic.reading(twice));
        model.run(Traffic.reading(twice).walking(Walk.STRAIGHT.backwards()));
        assertEquals(2 * twice.bytes() - CACHE, model.bytes(), CACHE / 16);
    }

    @Test
    void sharesAreGoneThroughAtTheSameTime() {
        Matrix twice = block(0, 2 * CACHE);
        RowShares halves = RowShares.of(twice.rows(), 1, 2);
        model.run(Traffic.reading(twice).walking(Walk.ofShares(halves)));
        model.run(Traffic.reading(twice.rows(halves.rowsOfBlock() / 2, halves.rowsOfBlock() / 2)));
        assertEquals(
                twice.bytes(), model.bytes(), CACHE / 16, "the end of the first share is there");
    }

    @Test
    void whatGivesWayLeavesTheRest() {
        Matrix kept = block(0, CACHE / 2);
        Matrix streamed = block(CACHE, 4 * CACHE);
        model.run(Traffic.reading(kept));
        model.run(Traffic.reading(streamed).walking(Walk.STRAIGHT.givingWay(true, streamed)));
        model.run(Traffic.reading(kept));
        assertEquals(kept.bytes() + streamed.bytes(), model.bytes());
        model.run(Traffic.reading(streamed));
        model.run(Traffic.reading(kept));
        assertTrue(model.bytes() >= 2 * kept.bytes() + 2 * streamed.bytes() - CACHE);
    }

    @Test
    void blocksThatComeToTheSameRowsAtTheSameTimeFetchThemOnce() {
        Matrix twice = block(0, 2 * CACHE);
        Traffic all = Traffic.reading(twice);
        model.run(all.beside(all));
        assertEquals(twice.bytes(), model.bytes());
        model.run(all.beside(all.walking(Walk.STRAIGHT.backwards())));
        assertTrue(model.bytes() > 2 * twice.bytes(), "the others come from the other end");
        assertEquals(2 * twice.bytes(), all.beside(all).bytes());
    }
}

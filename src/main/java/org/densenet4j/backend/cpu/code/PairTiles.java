package org.densenet4j.backend.cpu.code;

import static org.densenet4j.backend.cpu.code.Zmm.zmm;

/**
 * Rows of a matrix in bfloat16, two and two together, as products that sum over rows take them:
 * element c of a pair of rows is a word whose lower half is of the even row.
 *
 * <p>Rows are vectors 0 and up, as float32 until they are rounded. Overwrites vector 30 and, for
 * signs, 31.
 */
final class PairTiles {
    private static final Zmm INDICES = zmm(30);
    private static final Zmm EVEN = zmm(30);
    private static final Zmm ODD = zmm(31);
    private static final Zmm LOADED = zmm(28);

    private final Assembler a;

    PairTiles(Assembler a) {
        this.a = a;
    }

    /** Takes the constants of {@link #storePairs}. */
    void begin() {
        a.constant(INDICES, interleaved());
    }

    /** Indices of halves: those of the lower and of the upper half of a vector in turn. */
    static int[] interleaved() {
        int[] words = new int[Zmm.FLOATS];
        for (int i = 0; i < words.length; i++) {
            words[i] = i | Zmm.FLOATS + i << Short.SIZE;
        }
        return words;
    }

    /** Rounds rows 2i and 2i + 1 into vector 2i, one behind the other; a missing row is zero. */
    void round(int rows) {
        if (rows % 2 > 0) {
            a.zero(zmm(rows));
        }
        for (int r = 0; r < rows; r += 2) {
            a.round(zmm(r), zmm(r + 1), zmm(r));
        }
    }

    /** Writes rounded rows as they are. */
    void storeLines(int rows, Address to, long row) {
        for (int r = 0; r < rows; r += 2) {
            a.storeLowerHalf(zmm(r), to.plus(r * row), Mask.K0);
            if (r + 1 < rows) {
                a.storeUpperHalf(zmm(r), to.plus((r + 1) * row));
            }
        }
    }

    /** Writes rounded rows as pairs. */
    void storePairs(int rows, Address to, long row) {
        for (int r = 0; r < rows; r += 2) {
            a.permuteHalves(zmm(r), INDICES, zmm(r));
            a.store(zmm(r), to.plus(r / 2 * row));
        }
    }

    /** Takes the constants of {@link #positive}. */
    void beginSigns() {
        a.constantEverywhere(EVEN, 0x7FFF);
        a.constantEverywhere(ODD, 0x7FFF << Short.SIZE);
    }

    /**
     * Sets the bits of a mask where one row of pairs is above zero; no element may be negative.
     * Overwrites vector 28.
     */
    void positive(Mask to, int row, Address pairs, Mask among) {
        a.load(LOADED, pairs, among);
        a.shareBits(to, LOADED, row % 2 == 0 ? EVEN : ODD, among);
    }
}

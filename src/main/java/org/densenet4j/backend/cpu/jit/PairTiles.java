package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.Avx512Assembler;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * Rows of a matrix in bfloat16, two and two together, as products that sum over rows take them:
 * element c of a pair of rows is a word whose lower half is of the even row.
 *
 * <p>Rows are vectors 0 and up, as float32 until they are rounded. Overwrites vector 30 and, for
 * signs, 31.
 */
final class PairTiles {
    private static final Vector INDICES = v(30);
    private static final Vector EVEN = v(30);
    private static final Vector ODD = v(31);
    private static final Vector LOADED = v(28);

    private final Avx512Assembler a;

    PairTiles(Avx512Assembler a) {
        this.a = a;
    }

    /** Takes the constants of {@link #storePairs}. */
    void begin() {
        a.constant(INDICES, interleaved());
    }

    /** Indices of halves: those of the lower and of the upper half of a vector in turn. */
    static int[] interleaved() {
        int[] words = new int[InstructionSet.AVX512_BF16.floats()];
        for (int i = 0; i < words.length; i++) {
            words[i] = i | words.length + i << Short.SIZE;
        }
        return words;
    }

    /** Rounds rows 2i and 2i + 1 into vector 2i, one behind the other; a missing row is zero. */
    void round(int rows) {
        if (rows % 2 > 0) {
            a.zero(v(rows));
        }
        for (int r = 0; r < rows; r += 2) {
            a.round(v(r), v(r + 1), v(r));
        }
    }

    /** Writes rounded rows as they are. */
    void storeLines(int rows, Address to, long row) {
        for (int r = 0; r < rows; r += 2) {
            a.storeLowerHalf(v(r), to.plus(r * row), Tail.WHOLE);
            if (r + 1 < rows) {
                a.storeUpperHalf(v(r), to.plus((r + 1) * row));
            }
        }
    }

    /** Writes rounded rows as pairs. */
    void storePairs(int rows, Address to, long row) {
        for (int r = 0; r < rows; r += 2) {
            a.permuteHalves(v(r), INDICES, v(r));
            a.store(v(r), to.plus(r / 2 * row));
        }
    }

    /** Takes the constants of {@link #keepWherePositive}. */
    void beginSigns() {
        a.constantEverywhere(EVEN, 0x7FFF);
        a.constantEverywhere(ODD, 0x7FFF << Short.SIZE);
    }

    /**
     * Zeros in {@code d} where one row of pairs is not above zero; no element may be negative.
     * Overwrites vector 28.
     */
    void keepWherePositive(Vector d, int row, Address pairs) {
        a.load(LOADED, pairs);
        a.keepWhereBitsAreShared(d, LOADED, row % 2 == 0 ? EVEN : ODD);
    }

    /** A vector of memory with zeros where one row of pairs, which are in a register, is zero. */
    void loadWherePositive(Vector to, Address from, int row, Vector pairs) {
        a.loadWhereBitsAreShared(to, from, pairs, row % 2 == 0 ? EVEN : ODD);
    }
}

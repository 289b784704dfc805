package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.Avx512Assembler;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * Transposes 16 by 16 words of memory into vectors.
 *
 * <p>The first half of the exchange is made by loads of quarters, rows i, i + 4, i + 8 and i + 12
 * into one vector, which do not wait for the one port of shuffles; the second exchanges four by
 * four words in each quarter.
 */
final class WordTransposition {
    static final int WORDS = 16;

    private static final int QUARTERS = 4;
    private static final int QUARTER_BYTES = 16;

    private WordTransposition() {}

    /**
     * Writes column c to {@code to + c·toRow}. Overwrites vectors 0 to 7.
     *
     * @param fromRow bytes from row to row of the words
     */
    static void emit(Avx512Assembler a, Address from, long fromRow, Address to, long toRow) {
        for (int group = 0; group < QUARTERS; group++) {
            for (int i = 0; i < QUARTERS; i++) {
                Address quarter = from.plus(i * fromRow + (long) group * QUARTER_BYTES);
                a.loadQuarter(v(i), quarter);
                for (int q = 1; q < QUARTERS; q++) {
                    a.insertQuarter(v(i), q, quarter.plus(q * QUARTERS * fromRow));
                }
            }
            a.interleaveLower(v(4), v(0), v(1));
            a.interleaveLower(v(5), v(2), v(3));
            a.interleaveUpper(v(6), v(0), v(1));
            a.interleaveUpper(v(7), v(2), v(3));
            a.joinLower(v(0), v(4), v(5));
            a.joinUpper(v(1), v(4), v(5));
            a.joinLower(v(2), v(6), v(7));
            a.joinUpper(v(3), v(6), v(7));
            for (int i = 0; i < QUARTERS; i++) {
                Vector column = v(i);
                a.store(column, to.plus((QUARTERS * group + i) * toRow));
            }
        }
    }
}

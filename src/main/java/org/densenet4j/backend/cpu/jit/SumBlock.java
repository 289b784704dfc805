package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.Assembler;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * A block of a matrix product whose sums stay in registers: some rows of some vectors, from vector
 * 0 on, row by row.
 *
 * <p>With 32 registers 24 sums are kept, 8 rows of 3 vectors or 6 of 4, beside four vectors of the
 * right side and a word of the left; with 16 registers 12 sums, 4 rows of 3 or 6 of 2.
 *
 * @param rows of the left side
 * @param vectors of the right side
 */
record SumBlock(int rows, int vectors) {
    /** Sums that are kept at most; registers behind them are free for the product's operands. */
    static int most(InstructionSet set) {
        return set.registers() * 3 / 4;
    }

    /** Registers that are overwritten besides the sums: the first of them. */
    static int firstFree(InstructionSet set) {
        return most(set);
    }

    Vector sum(int row, int vector) {
        return v(row * vectors + vector);
    }

    /**
     * What there is of a vector.
     *
     * @param end of the last one
     */
    Tail tail(int vector, Tail end) {
        return vector == vectors - 1 ? end : Tail.WHOLE;
    }

    void zero(Assembler a) {
        for (int i = 0; i < rows * vectors; i++) {
            a.zero(v(i));
        }
    }

    /**
     * Adds a word of each row times a row of vectors. Overwrites the right side's registers, behind
     * the sums, and {@link Assembler#scratch}.
     *
     * @param left address of a word of the first row
     * @param leftRow bytes from row to row
     * @param right address of the row of vectors
     */
    void addProducts(Assembler a, Words words, Address left, long leftRow, Address right) {
        addProducts(a, words, left, leftRow, right, Tail.WHOLE);
    }

    /**
     * Adds a word of each row times a row of vectors. Overwrites the right side's registers, behind
     * the sums, and {@link Assembler#scratch}.
     *
     * @param left address of a word of the first row
     * @param leftRow bytes from row to row
     * @param right address of the row of vectors
     * @param end what there is of the last vector
     */
    void addProducts(
            Assembler a, Words words, Address left, long leftRow, Address right, Tail end) {
        int first = firstFree(a.set());
        for (int i = 0; i < vectors; i++) {
            a.load(v(first + i), right.plus((long) i * a.set().vectorBytes()), tail(i, end));
        }
        for (int r = 0; r < rows; r++) {
            if (vectors == 1) {
                words.addProductOfBroadcast(a, v(r), v(first), left.plus(r * leftRow));
            } else {
                a.broadcast(a.scratch(), left.plus(r * leftRow));
                for (int i = 0; i < vectors; i++) {
                    words.addProduct(a, sum(r, i), v(first + i), a.scratch());
                }
            }
        }
    }
}

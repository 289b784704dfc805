package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Assembler;
import org.densenet4j.backend.cpu.asm.Register;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

import java.util.function.IntConsumer;

/**
 * Sums over a row, each taken of several vectors side by side so that one addition does not wait
 * for the last: in the first registers, those of one sum behind each other.
 *
 * @param sums how many are taken of a row
 */
record RowSums(int sums) {
    /** Vectors that are added side by side. */
    private static final int WIDTH = 4;

    /** What is done with a vector of a row. */
    interface OfVector {
        /**
         * Writes the code.
         *
         * @param vector how many vectors behind where the addresses are, which says, too, which of
         *     the registers of each sum to add to
         * @param some the columns of it that there are
         */
        void write(int vector, Tail some);
    }

    /** Registers that are overwritten: so many of the first. */
    int registers() {
        return sums * WIDTH;
    }

    /** One of the registers of a sum. */
    Vector of(int sum, int vector) {
        return v(sum * WIDTH + vector);
    }

    void zero(Assembler a) {
        for (int i = 0; i < registers(); i++) {
            a.zero(v(i));
        }
    }

    /**
     * Runs {@code body} for every vector of the row.
     *
     * @param advance moves the addresses on by so many vectors
     */
    static void forEachVector(
            Assembler a,
            int columns,
            Tail tail,
            Register counter,
            OfVector body,
            IntConsumer advance) {
        Loops.inVectors(
                a,
                columns,
                tail,
                WIDTH,
                counter,
                (count, some) -> {
                    for (int i = 0; i < count; i++) {
                        body.write(i, some);
                    }
                },
                advance);
    }

    /** A sum, in every element of its first register; the others of it are overwritten. */
    Vector total(Assembler a, int sum) {
        a.add(of(sum, 0), of(sum, 0), of(sum, 1));
        a.add(of(sum, 2), of(sum, 2), of(sum, 3));
        a.add(of(sum, 0), of(sum, 0), of(sum, 2));
        a.addAcross(of(sum, 0), of(sum, 1));
        return of(sum, 0);
    }
}

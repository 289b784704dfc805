package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Assembler;
import org.densenet4j.backend.cpu.asm.InstructionSet;
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
         * @param place 0 to 3: which of the registers of each sum to add to
         * @param vector how many vectors behind where the addresses are
         * @param some the columns of it that there are
         */
        void write(int place, int vector, Tail some);
    }

    /** Registers that are overwritten: so many of the first. */
    int registers() {
        return sums * WIDTH;
    }

    /** One of the registers of a sum. */
    Vector of(int sum, int place) {
        return v(sum * WIDTH + place);
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
        InstructionSet set = a.set();
        Loops.inBlocks(
                a,
                columns / set.floats(),
                WIDTH,
                counter,
                count -> {
                    for (int i = 0; i < count; i++) {
                        body.write(i, i, Tail.WHOLE);
                    }
                    advance.accept(count);
                });
        if (!tail.isWhole()) {
            body.write(0, 0, tail);
        }
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

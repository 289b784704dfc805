package org.densenet4j.backend.cpu.jit;

import org.densenet4j.backend.cpu.asm.Assembler;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;

import java.util.function.Consumer;
import java.util.function.LongConsumer;

/**
 * A few vectors of a matrix's columns that a pass works on from the first row to the last, with
 * what belongs to these columns in registers.
 *
 * @param set of instructions, whose vectors they are
 * @param storage of the matrix
 * @param columns of the matrix
 * @param tail of these columns
 * @param first vector
 * @param count of vectors
 */
record ColumnBlock(
        InstructionSet set, Storage storage, int columns, Tail tail, int first, int count) {

    /** Writes the code of all blocks, of {@code most} vectors and what is left over. */
    static void forEach(
            Assembler a, Storage storage, int columns, int most, Consumer<ColumnBlock> code) {
        InstructionSet set = a.set();
        Tail tail = a.tail(columns);
        int vectors = set.vectors(columns);
        for (int first = 0; first < vectors; first += most) {
            int count = Math.min(most, vectors - first);
            code.accept(new ColumnBlock(set, storage, columns, tail, first, count));
        }
    }

    /** Bytes from the start of a row to the block. */
    long start() {
        return first * storage.vectorBytes(set);
    }

    /** Bytes from the start of the block to one of its vectors. */
    long at(int vector) {
        return vector * storage.vectorBytes(set);
    }

    /** Bytes from a float of the first column to those of a vector's columns. */
    long floats(int vector) {
        return (long) (first + vector) * set.vectorBytes();
    }

    /** The columns of a vector that there are. */
    Tail tail(int vector) {
        return (first + vector + 1) * set.floats() > columns ? tail : Tail.WHOLE;
    }

    /** Offsets from the start of the block that reach every cache line of it in a row. */
    void forEachLine(LongConsumer offset) {
        int end = Math.min(columns, (first + count) * set.floats());
        Loops.forEachLine((long) storage.bytes() * (end - first * set.floats()), offset);
    }
}

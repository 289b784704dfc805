package org.densenet4j.backend.cpu.code;

import java.util.function.Consumer;
import java.util.function.LongConsumer;

/**
 * A few vectors of a matrix's columns that a pass works on from the first row to the last, with
 * what belongs to these columns in registers.
 *
 * @param storage of the matrix
 * @param columns of the matrix
 * @param first vector
 * @param count of vectors
 */
record ColumnBlock(Storage storage, int columns, int first, int count) {

    /** Writes the code of all blocks, of {@code most} vectors and what is left over. Sets K1. */
    static void forEach(
            Assembler a, Storage storage, int columns, int most, Consumer<ColumnBlock> code) {
        a.first(Mask.K1, columns % Zmm.FLOATS);
        int vectors = RowPasses.vectors(columns);
        for (int first = 0; first < vectors; first += most) {
            int count = Math.min(most, vectors - first);
            code.accept(new ColumnBlock(storage, columns, first, count));
        }
    }

    /** Bytes from the start of a row to the block. */
    long start() {
        return first * storage.vectorBytes();
    }

    /** Bytes from the start of the block to one of its vectors. */
    long at(int vector) {
        return vector * storage.vectorBytes();
    }

    /** Bytes from a float of the first column to those of a vector's columns. */
    long floats(int vector) {
        return (long) (first + vector) * Zmm.BYTES;
    }

    /** The columns of a vector that there are. */
    Mask mask(int vector) {
        return RowPasses.mask(first + vector, columns);
    }

    /** Offsets from the start of the block that reach every cache line of it in a row. */
    void forEachLine(LongConsumer offset) {
        int end = Math.min(columns, (first + count) * Zmm.FLOATS);
        RowPasses.forEachLine((long) storage.bytes() * (end - first * Zmm.FLOATS), offset);
    }
}

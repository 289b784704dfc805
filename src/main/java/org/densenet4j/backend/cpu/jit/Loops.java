package org.densenet4j.backend.cpu.jit;

import org.densenet4j.backend.cpu.asm.Assembler;
import org.densenet4j.backend.cpu.asm.Register;
import org.densenet4j.backend.cpu.asm.Tail;

import java.util.function.Consumer;
import java.util.function.IntConsumer;
import java.util.function.LongConsumer;

/** How kernels walk over rows, columns and cache lines. */
final class Loops {
    private static final int LINE = 64;

    private Loops() {}

    /** Size of the blocks, of at most so many, that cut {@code count} most evenly. */
    static int evenBlock(int count, int most) {
        return Math.ceilDiv(count, Math.ceilDiv(count, most));
    }

    /** Runs {@code body} for blocks of so many of {@code count}, then for the rest. */
    static void inBlocks(Assembler a, int count, int block, Register counter, IntConsumer body) {
        a.repeat(count / block, counter, () -> body.accept(block));
        if (count % block > 0) {
            body.accept(count % block);
        }
    }

    /**
     * Runs {@code body} for every vector of some columns, the last as a tail.
     *
     * @param advance moves on to the next vector
     */
    static void forEachVector(
            Assembler a,
            int columns,
            Tail tail,
            Register counter,
            Consumer<Tail> body,
            Runnable advance) {
        inVectors(a, columns, tail, 1, counter, (_, some) -> body.accept(some), _ -> advance.run());
    }

    /** What is done with some vectors behind each other. */
    interface OfVectors {
        /**
         * Writes the code.
         *
         * @param count of the vectors, 1 where they are a tail
         * @param some the columns that there are of each
         */
        void write(int count, Tail some);
    }

    /**
     * Runs {@code body} for all vectors of some columns, so many at a time, then for those that are
     * left, the last as a tail.
     *
     * @param advance moves on by so many vectors
     */
    static void inVectors(
            Assembler a,
            int columns,
            Tail tail,
            int most,
            Register counter,
            OfVectors body,
            IntConsumer advance) {
        inBlocks(
                a,
                columns / a.set().floats(),
                most,
                counter,
                count -> {
                    body.write(count, Tail.WHOLE);
                    advance.accept(count);
                });
        if (!tail.isWhole()) {
            body.write(1, tail);
        }
    }

    /** Adds to an address among the arguments. Overwrites RAX. */
    static void advance(Assembler a, Enum<?> argument, long bytes) {
        a.load(Register.RAX, Kernel.argument(argument));
        a.add(Register.RAX, bytes);
        a.store(Register.RAX, Kernel.argument(argument));
    }

    /** Offsets that reach every cache line of so many bytes, which may begin anywhere in one. */
    static void forEachLine(long bytes, LongConsumer offset) {
        for (long at = 0; at < bytes - 1; at += LINE) {
            offset.accept(at);
        }
        offset.accept(bytes - 1);
    }

    /** Cache lines that so many bytes fill. */
    static int lines(long bytes) {
        return Math.toIntExact(Math.ceilDiv(bytes, (long) LINE));
    }

    /**
     * Bytes from row to row of a tile in the cache, for so many words of 32 bits: an odd number of
     * cache lines, so that the same column of many rows does not compete for a few sets.
     */
    static long tileRow(int words) {
        return (long) (lines((long) words * Float.BYTES) | 1) * LINE;
    }
}

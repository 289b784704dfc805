package org.densenet4j.backend.cpu;

import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.jit.Arguments;
import org.densenet4j.backend.cpu.jit.MatrixProductKernel;
import org.densenet4j.backend.cpu.jit.Words;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Whether products of bfloat16 pairs are worth their rounding on this processor. By its manual an
 * instruction multiplies twice as many pairs as floats; some processors take twice as long for it,
 * and then activations are stored in bfloat16 and multiplied as float32.
 */
final class PairProducts {
    private static final int ROWS = 8;
    private static final int INNER = 256;
    private static final int VECTORS = 3;
    private static final int BATCH = 4;
    private static final int ROUNDS = 24;

    /** A product of pairs may take so many times as long as one of half as many floats. */
    private static final double WORTH = 1.5;

    private static final boolean PAY = measure();

    private PairProducts() {}

    /** Whether they are, measured once a process, in some 15 milliseconds. */
    static boolean pay() {
        return PAY;
    }

    private static boolean measure() {
        InstructionSet set = InstructionSet.AVX512_BF16;
        try (Arena arena = Arena.ofConfined();
                MatrixProductKernel floats = kernel(set, Words.FLOATS);
                MatrixProductKernel pairs = kernel(set, Words.BFLOAT16_PAIRS)) {
            long matrix = (long) BATCH * INNER * VECTORS * set.vectorBytes();
            MemorySegment memory = arena.allocate(3 * matrix, 64);
            Arguments arguments = new Arguments(arena, MatrixProductKernel.Argument.class);
            long ofFloats = Long.MAX_VALUE;
            long ofPairs = Long.MAX_VALUE;
            for (int i = 0; i < ROUNDS; i++) {
                ofFloats = Math.min(ofFloats, nanoseconds(floats, arguments, memory, matrix));
                ofPairs = Math.min(ofPairs, nanoseconds(pairs, arguments, memory, matrix));
            }
            return ofPairs < WORTH * ofFloats;
        }
    }

    private static MatrixProductKernel kernel(InstructionSet set, Words words) {
        long row = (long) VECTORS * set.vectorBytes();
        return new MatrixProductKernel(
                set,
                new MatrixProductKernel.Form(
                        words,
                        BATCH,
                        ROWS,
                        INNER,
                        VECTORS * set.floats(),
                        (long) INNER * Float.BYTES,
                        Float.BYTES,
                        row,
                        row,
                        (long) ROWS * INNER * Float.BYTES,
                        INNER * row,
                        ROWS * row,
                        false));
    }

    private static long nanoseconds(
            MatrixProductKernel kernel, Arguments arguments, MemorySegment memory, long matrix) {
        arguments
                .set(MatrixProductKernel.Argument.A, memory.address())
                .set(MatrixProductKernel.Argument.B, memory.address() + matrix)
                .set(MatrixProductKernel.Argument.C, memory.address() + 2 * matrix);
        long start = System.nanoTime();
        kernel.run(arguments);
        return System.nanoTime() - start;
    }
}

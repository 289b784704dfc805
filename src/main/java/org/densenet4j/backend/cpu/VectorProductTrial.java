package org.densenet4j.backend.cpu;

import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.jit.Arguments;
import org.densenet4j.backend.cpu.jit.MatrixProductKernel;
import org.densenet4j.backend.cpu.jit.Words;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Some products of vectors one after the other, whose sums fill the registers: what other products
 * are timed against.
 */
final class VectorProductTrial implements AutoCloseable {
    /** Words of all sums. */
    static final int INNER = 256;

    /** Times of which the least counts. */
    static final int ROUNDS = 24;

    private static final int ROWS = 8;
    private static final int VECTORS = 3;
    private static final int BATCH = 4;

    private final Arena arena = Arena.ofConfined();
    private final InstructionSet set;
    private final MatrixProductKernel kernel;
    private final Arguments arguments;
    private final MemorySegment memory;

    VectorProductTrial(InstructionSet set, Words words) {
        this.set = set;
        this.kernel = new MatrixProductKernel(set, form(set, words));
        this.arguments = new Arguments(arena, MatrixProductKernel.Argument.class);
        this.memory = arena.allocate(3 * matrices(), 64);
    }

    /** Bytes of all As, Bs or Cs, and some more. */
    private long matrices() {
        return (long) BATCH * INNER * VECTORS * set.vectorBytes();
    }

    private static MatrixProductKernel.Form form(InstructionSet set, Words words) {
        long row = (long) VECTORS * set.vectorBytes();
        return new MatrixProductKernel.Form(
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
                false);
    }

    /** Sums that a run takes. */
    int sums() {
        return BATCH * ROWS * VECTORS * set.floats();
    }

    /** Runs once. */
    long nanoseconds() {
        // A kernel moves on in its arguments.
        arguments
                .set(MatrixProductKernel.Argument.A, memory.address())
                .set(MatrixProductKernel.Argument.B, memory.address() + matrices())
                .set(MatrixProductKernel.Argument.C, memory.address() + 2 * matrices());
        long start = System.nanoTime();
        kernel.run(arguments);
        return System.nanoTime() - start;
    }

    @Override
    public void close() {
        kernel.close();
        arena.close();
    }
}

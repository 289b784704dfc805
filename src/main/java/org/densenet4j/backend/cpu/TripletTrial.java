package org.densenet4j.backend.cpu;

import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.jit.Arguments;
import org.densenet4j.backend.cpu.jit.MatrixProductKernel;
import org.densenet4j.backend.cpu.jit.TripletPanels;
import org.densenet4j.backend.cpu.jit.TripletProductKernel;
import org.densenet4j.backend.cpu.jit.Words;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Whether products of float32 are worth taking by tiles on this processor (see {@link
 * TripletProducts}). Left to itself a core takes them more than twice as fast as by vectors; one
 * that shares its tiles with another program's thread may not.
 */
final class TripletTrial {
    private static final InstructionSet SET = InstructionSet.AVX512_BF16;
    private static final int ROUNDS = 24;

    /** Terms of all sums. */
    private static final int INNER = 256;

    /** Of a product of tiles, whose operands stay in the second-level cache. */
    private static final int SIDE = 64;

    /** Of a product of vectors, whose sums fill the registers. */
    private static final int ROWS = 8;

    private static final int VECTORS = 3;
    private static final int BATCH = 4;

    /** How many times as fast tiles have to be: splitting operands for them takes time, too. */
    private static final double WORTH = 1.5;

    private static final boolean PAYS = measure();

    private TripletTrial() {}

    /** Whether they are, measured once a process, in some milliseconds. */
    static boolean pays() {
        return PAYS;
    }

    private static boolean measure() {
        try (Arena arena = Arena.ofConfined();
                MatrixProductKernel vectors = new MatrixProductKernel(SET, ofVectors());
                TripletProductKernel tiles = new TripletProductKernel(SET, ofTiles())) {
            long matrix = new TripletPanels(INNER, SIDE).bytes();
            MemorySegment memory = arena.allocate(4 * matrix, 64);
            Arguments forVectors = new Arguments(arena, MatrixProductKernel.Argument.class);
            Arguments forTiles = new Arguments(arena, TripletProductKernel.Argument.class);
            long ofVectors = Long.MAX_VALUE;
            long ofTiles = Long.MAX_VALUE;
            for (int i = 0; i < ROUNDS; i++) {
                // Kernels move on in their arguments.
                forVectors
                        .set(MatrixProductKernel.Argument.A, memory.address())
                        .set(MatrixProductKernel.Argument.B, memory.address() + matrix)
                        .set(MatrixProductKernel.Argument.C, memory.address() + 2 * matrix);
                forTiles.set(TripletProductKernel.Argument.A, memory.address())
                        .set(TripletProductKernel.Argument.B, memory.address() + matrix)
                        .set(TripletProductKernel.Argument.C, memory.address() + 2 * matrix)
                        .set(TripletProductKernel.Argument.SCRATCH, memory.address() + 3 * matrix);
                ofVectors = Math.min(ofVectors, nanoseconds(() -> vectors.run(forVectors)));
                ofTiles = Math.min(ofTiles, nanoseconds(() -> tiles.run(forTiles)));
            }
            double perSumOfVectors = (double) ofVectors / (BATCH * ROWS * columns());
            double perSumOfTiles = (double) ofTiles / (SIDE * SIDE);
            return WORTH * perSumOfTiles < perSumOfVectors;
        }
    }

    private static int columns() {
        return VECTORS * SET.floats();
    }

    /** Some products of the same matrices, one after the other. */
    private static MatrixProductKernel.Form ofVectors() {
        long row = (long) VECTORS * SET.vectorBytes();
        return new MatrixProductKernel.Form(
                Words.FLOATS,
                BATCH,
                ROWS,
                INNER,
                columns(),
                (long) INNER * Float.BYTES,
                Float.BYTES,
                row,
                row,
                0,
                0,
                0,
                false);
    }

    private static TripletProductKernel.Form ofTiles() {
        return new TripletProductKernel.Form(SIDE, INNER, SIDE, SIDE * (long) Float.BYTES, false);
    }

    private static long nanoseconds(Runnable product) {
        long start = System.nanoTime();
        product.run();
        return System.nanoTime() - start;
    }
}

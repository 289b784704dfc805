package org.densenet4j.backend.cpu;

import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.jit.Arguments;
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
    private static final int INNER = VectorProductTrial.INNER;

    /** Of a product of tiles, whose operands stay in the second-level cache. */
    private static final int SIDE = 64;

    /** How many times as fast tiles have to be: splitting operands for them takes time, too. */
    private static final double WORTH = 1.5;

    private static final boolean PAYS = measure();

    private TripletTrial() {}

    /** Whether they are, measured once a process, in some milliseconds. */
    static boolean pays() {
        return PAYS;
    }

    private static boolean measure() {
        TripletProductKernel.Form form =
                new TripletProductKernel.Form(SIDE, INNER, SIDE, SIDE * (long) Float.BYTES, false);
        try (Arena arena = Arena.ofConfined();
                VectorProductTrial vectors = new VectorProductTrial(SET, Words.FLOATS);
                TripletProductKernel tiles = new TripletProductKernel(SET, form)) {
            long matrix = new TripletPanels(INNER, SIDE).bytes();
            MemorySegment memory = arena.allocate(4 * matrix, 64);
            Arguments arguments = new Arguments(arena, TripletProductKernel.Argument.class);
            long ofVectors = Long.MAX_VALUE;
            long ofTiles = Long.MAX_VALUE;
            for (int i = 0; i < VectorProductTrial.ROUNDS; i++) {
                ofVectors = Math.min(ofVectors, vectors.nanoseconds());
                ofTiles = Math.min(ofTiles, nanoseconds(tiles, arguments, memory, matrix));
            }
            double perSumOfVectors = (double) ofVectors / vectors.sums();
            double perSumOfTiles = (double) ofTiles / (SIDE * SIDE);
            return WORTH * perSumOfTiles < perSumOfVectors;
        }
    }

    private static long nanoseconds(
            TripletProductKernel kernel, Arguments arguments, MemorySegment memory, long matrix) {
        arguments
                .set(TripletProductKernel.Argument.A, memory.address())
                .set(TripletProductKernel.Argument.B, memory.address() + matrix)
                .set(TripletProductKernel.Argument.C, memory.address() + 2 * matrix)
                .set(TripletProductKernel.Argument.SCRATCH, memory.address() + 3 * matrix);
        long start = System.nanoTime();
        kernel.run(arguments);
        return System.nanoTime() - start;
    }
}

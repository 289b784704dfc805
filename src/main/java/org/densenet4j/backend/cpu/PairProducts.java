package org.densenet4j.backend.cpu;

import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.jit.Words;

/**
 * Whether products of bfloat16 pairs are worth their rounding on this processor. By its manual an
 * instruction multiplies twice as many pairs as floats; some processors take twice as long for it,
 * and then activations are stored in bfloat16 and multiplied as float32.
 */
final class PairProducts {
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
        try (VectorProductTrial floats = new VectorProductTrial(set, Words.FLOATS);
                VectorProductTrial pairs = new VectorProductTrial(set, Words.BFLOAT16_PAIRS)) {
            long ofFloats = Long.MAX_VALUE;
            long ofPairs = Long.MAX_VALUE;
            for (int i = 0; i < VectorProductTrial.ROUNDS; i++) {
                ofFloats = Math.min(ofFloats, floats.nanoseconds());
                ofPairs = Math.min(ofPairs, pairs.nanoseconds());
            }
            return ofPairs < WORTH * ofFloats;
        }
    }
}

package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.Avx512Assembler;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * float32 as triplets of bfloat16: x = x0 + x1 + x2, where x0 is x rounded to bfloat16, x1 what is
 * left, rounded, and x2 what is left then, which bfloat16 holds exactly. Of the nine products of
 * parts of x and y those count of which the numbers of the parts add up to two at most:
 *
 * <pre>
 * x·y = x0·y0 + (x0·y1 + x1·y0) + (x0·y2 + x1·y1 + x2·y0) + 2⁻²⁴·O(x·y)
 * </pre>
 *
 * so that what is left out is as small as the rounding of a product in float32 (Henry, Tang and
 * Heinecke, "Leveraging the bfloat16 Artificial Intelligence Datatype For Higher-Precision
 * Computations", ARITH 2019, section III). Parts below the smallest normal number, those of x below
 * 2⁻¹¹⁰, are zeros to products of tiles; an infinite x has parts that are not numbers.
 */
final class Triplets {
    /** Parts of a number. */
    static final int PARTS = 3;

    private static final Vector INDICES = v(30);
    private static final Vector UPPER_HALVES = v(31);

    private final Avx512Assembler a;

    Triplets(Avx512Assembler a) {
        this.a = a;
    }

    /** Takes constants. Overwrites vectors 30 and 31. */
    void begin() {
        a.constant(INDICES, PairTiles.interleaved());
        a.constantEverywhere(UPPER_HALVES, 0xFFFF0000);
    }

    /**
     * Stores the parts of two vectors as pairs, an element of the lower vector with that of the
     * upper. Overwrites the vectors and {@code temporary}.
     *
     * @param to where the pairs of the first parts go
     * @param distance bytes from there to those of the next parts
     */
    void store(
            Vector lower, Vector upper, Vector pairs, Vector temporary, Address to, long distance) {
        for (int part = 0; part < PARTS; part++) {
            a.round(pairs, upper, lower);
            a.permuteHalves(pairs, INDICES, pairs);
            a.store(pairs, to.plus(part * distance));
            if (part < PARTS - 1) {
                a.shiftLeft(temporary, pairs, Short.SIZE);
                a.subtract(lower, lower, temporary);
                a.and(temporary, pairs, UPPER_HALVES);
                a.subtract(upper, upper, temporary);
            }
        }
    }
}

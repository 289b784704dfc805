package org.densenet4j.backend.cpu.asm;

/**
 * One of the vector registers of an {@link InstructionSet}: ymm with AVX2, zmm with AVX-512.
 *
 * @param number the encoding, from 0
 */
public record Vector(int number) {
    /** AVX2 has half of them; its encoder refuses the others. */
    public Vector {
        if (number < 0 || number > 31) {
            throw new IllegalArgumentException("vector register " + number);
        }
    }

    /** The register of a number. */
    public static Vector v(int number) {
        return new Vector(number);
    }
}

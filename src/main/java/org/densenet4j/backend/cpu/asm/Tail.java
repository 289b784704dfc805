package org.densenet4j.backend.cpu.asm;

/**
 * Which elements of a vector a load, store or gather touches: all, or the first few, where a
 * matrix's columns do not fill the last vector. {@link Assembler#tail} makes one.
 *
 * @param elements the first so many; 0 stands for all
 * @param mask number of the mask register that AVX-512 keeps them in; 0 stands for none
 */
public record Tail(int elements, int mask) {
    /** Every element. */
    public static final Tail WHOLE = new Tail(0, 0);

    /** Whether every element is touched. */
    public boolean isWhole() {
        return elements == 0;
    }
}

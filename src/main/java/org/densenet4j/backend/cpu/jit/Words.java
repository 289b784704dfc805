package org.densenet4j.backend.cpu.jit;

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.Assembler;
import org.densenet4j.backend.cpu.asm.Avx512Assembler;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * What a matrix product takes its operands in: words of 32 bits, and sums are float32. Activations
 * in bfloat16 may be multiplied either way; see {@link Storage} for how they are stored.
 */
public enum Words {
    /** One float32. */
    FLOATS(1),
    /** Two bfloat16 that are next to each other along the dimension that is summed over. */
    BFLOAT16_PAIRS(2);

    private final int elements;

    Words(int elements) {
        this.elements = elements;
    }

    /** Elements of a word. */
    public int elements() {
        return elements;
    }

    /** Words that hold so many elements, the last filled up with zeros. */
    public int words(int elements) {
        return Math.ceilDiv(elements, this.elements);
    }

    /** How the elements of words lie in memory. */
    Storage storage() {
        return this == FLOATS ? Storage.FLOAT32 : Storage.BFLOAT16;
    }

    /** {@code sum += x·y}, with words as elements of x and y. */
    void addProduct(Assembler a, Vector sum, Vector x, Vector y) {
        switch (this) {
            case FLOATS -> a.addProduct(sum, x, y);
            case BFLOAT16_PAIRS -> ((Avx512Assembler) a).addProductOfPairs(sum, x, y);
        }
    }

    /** {@code sum += x·y} with one word of memory for all elements of y. */
    void addProductOfBroadcast(Assembler a, Vector sum, Vector x, Address y) {
        switch (this) {
            case FLOATS -> a.addProductOfBroadcast(sum, x, y);
            case BFLOAT16_PAIRS -> ((Avx512Assembler) a).addProductOfBroadcastPairs(sum, x, y);
        }
    }
}

package org.densenet4j.backend.cpu.code;

/**
 * How activations are stored, and how products of them are made. Registers that sums and passes
 * work on hold float32 always.
 *
 * <p>A product takes its operands in words of 32 bits: one float32, or two bfloat16 that are next
 * to each other along the dimension that is summed over.
 */
public enum Storage {
    FLOAT32(Float.BYTES) {
        @Override
        void load(Assembler a, Zmm to, Address from, Mask mask) {
            a.load(to, from, mask);
        }

        @Override
        void store(Assembler a, Zmm from, Address to, Mask mask) {
            a.store(from, to, mask);
        }

        @Override
        void addProduct(Assembler a, Zmm sum, Zmm x, Zmm y) {
            a.addProduct(sum, x, y);
        }

        @Override
        void addProductOfBroadcast(Assembler a, Zmm sum, Zmm x, Address y) {
            a.addProductOfBroadcast(sum, x, y);
        }
    },

    BFLOAT16(Short.BYTES) {
        @Override
        void load(Assembler a, Zmm to, Address from, Mask mask) {
            a.loadHalves(to, from, mask);
            a.shiftLeft(to, Short.SIZE);
        }

        @Override
        void store(Assembler a, Zmm from, Address to, Mask mask) {
            a.round(from, from);
            a.storeLowerHalf(from, to, mask);
        }

        @Override
        void addProduct(Assembler a, Zmm sum, Zmm x, Zmm y) {
            a.addProductOfPairs(sum, x, y);
        }

        @Override
        void addProductOfBroadcast(Assembler a, Zmm sum, Zmm x, Address y) {
            a.addProductOfBroadcastPairs(sum, x, y);
        }
    };

    private final int bytes;

    Storage(int bytes) {
        this.bytes = bytes;
    }

    /** Bytes of an element. */
    public int bytes() {
        return bytes;
    }

    /** Elements of a word. */
    public int perWord() {
        return Float.BYTES / bytes;
    }

    /** Words that hold so many elements, the last filled up with zeros. */
    public int words(int elements) {
        return Math.ceilDiv(elements, perWord());
    }

    /** Bytes of as many elements as a vector has. */
    long vectorBytes() {
        return (long) Zmm.FLOATS * bytes;
    }

    /** Sixteen elements; those that the mask leaves out are zero. */
    abstract void load(Assembler a, Zmm to, Address from, Mask mask);

    /** Sixteen elements. Overwrites {@code from}. */
    abstract void store(Assembler a, Zmm from, Address to, Mask mask);

    /** {@code sum += x·y}, with words as elements of x and y. */
    abstract void addProduct(Assembler a, Zmm sum, Zmm x, Zmm y);

    /** {@code sum += x·y} with one word of memory for all elements of y. */
    abstract void addProductOfBroadcast(Assembler a, Zmm sum, Zmm x, Address y);
}

package org.densenet4j.backend.cpu.jit;

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.Assembler;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

/** How activations are stored. Registers that sums and passes work on hold float32 always. */
public enum Storage {
    FLOAT32(Float.BYTES),
    BFLOAT16(Short.BYTES);

    private final int bytes;

    Storage(int bytes) {
        this.bytes = bytes;
    }

    /** Bytes of an element. */
    public int bytes() {
        return bytes;
    }

    /** Bytes of as many elements as a vector has. */
    long vectorBytes(InstructionSet set) {
        return (long) set.floats() * bytes;
    }

    /** A vector of elements; those that the tail leaves out are zero. */
    void load(Assembler a, Vector to, Address from, Tail tail) {
        switch (this) {
            case FLOAT32 -> a.load(to, from, tail);
            case BFLOAT16 -> a.loadBFloat16(to, from, tail);
        }
    }

    /** A vector of elements. Overwrites {@code from}. */
    void store(Assembler a, Vector from, Address to, Tail tail) {
        switch (this) {
            case FLOAT32 -> a.store(from, to, tail);
            case BFLOAT16 -> a.storeBFloat16(from, to, tail);
        }
    }
}

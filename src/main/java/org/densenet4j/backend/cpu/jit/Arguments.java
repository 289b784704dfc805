package org.densenet4j.backend.cpu.jit;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The addresses, and sometimes numbers, that a kernel is run with, by the names of an enum of its
 * own. One for each thread that runs it.
 */
public final class Arguments {
    private final MemorySegment memory;

    /**
     * Room for the arguments of one kernel.
     *
     * @param lifetime of the memory
     * @param names of the arguments
     */
    public Arguments(Arena lifetime, Class<? extends Enum<?>> names) {
        memory = lifetime.allocate(names.getEnumConstants().length * Long.BYTES, 64);
    }

    static long offset(Enum<?> name) {
        return (long) name.ordinal() * Long.BYTES;
    }

    /** Sets an address. */
    public Arguments set(Enum<?> name, long address) {
        memory.set(JAVA_LONG, offset(name), address);
        return this;
    }

    /** Sets a float, as its bits: it is where its address would be. */
    public Arguments set(Enum<?> name, float value) {
        memory.set(JAVA_FLOAT, offset(name), value);
        return this;
    }

    MemorySegment memory() {
        return memory;
    }
}

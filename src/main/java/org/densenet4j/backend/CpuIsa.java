package org.densenet4j.backend;

import java.util.Locale;

/** The most that the engine's own kernels on a CPU may be compiled to. */
public enum CpuIsa {
    /** The best that the processor has. */
    BEST,
    /** AVX-512, with bfloat16 where the processor has it. */
    AVX512,
    /** AVX2 with FMA. */
    AVX2,
    /** No machine code: loops on the Vector API, or plain ones. */
    NONE;

    /**
     * The instruction set of a name, such as {@code avx2}.
     *
     * @throws IllegalArgumentException for another, with the names that there are
     */
    public static CpuIsa named(String name) {
        for (CpuIsa isa : values()) {
            if (isa.toString().equals(name)) {
                return isa;
            }
        }
        throw new IllegalArgumentException(
                "instruction set '" + name + "': use best, avx512, avx2 or none");
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}

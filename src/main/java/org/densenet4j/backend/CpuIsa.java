package org.densenet4j.backend;

import java.util.Locale;

/** The most that the engine's own kernels on a CPU may be compiled to. */
public enum CpuIsa {
    /** The fastest of what the processor has, where one is not plainly better by measurement. */
    BEST,
    /** AVX-512 with instructions on bfloat16, and products of bfloat16 pairs. */
    AVX512_BF16,
    /** AVX-512; bfloat16 is multiplied as float32. */
    AVX512,
    /** AVX2 with FMA. */
    AVX2,
    /** No machine code: loops on the Vector API, or plain ones. */
    NONE;

    /**
     * {@return the instruction set of a name, such as {@code avx2}}
     *
     * @param name as {@code --isa} takes it, in lower case
     * @throws IllegalArgumentException for another, with the names that there are
     */
    public static CpuIsa named(String name) {
        for (CpuIsa isa : values()) {
            if (isa.toString().equals(name)) {
                return isa;
            }
        }
        throw new IllegalArgumentException(
                "instruction set '" + name + "': use best, avx512-bf16, avx512, avx2 or none");
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}

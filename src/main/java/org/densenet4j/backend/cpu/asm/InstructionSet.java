package org.densenet4j.backend.cpu.asm;

/**
 * The vector instructions that kernels are compiled to, each a superset of the one before, and what
 * a kernel has to know of them to be written once.
 */
public enum InstructionSet {
    /** 256 bits, with FMA: x86 since Haswell (2013) and Zen (2017). */
    AVX2(32, 16),
    /** 512 bits, with masks (F, BW, DQ, VL): since Skylake-SP (2017) and Zen 4 (2022). */
    AVX512(64, 32),
    /** With products of bfloat16 pairs and conversions: since Cooper Lake (2020) and Zen 4. */
    AVX512_BF16(64, 32);

    private final int vectorBytes;
    private final int registers;

    InstructionSet(int vectorBytes, int registers) {
        this.vectorBytes = vectorBytes;
        this.registers = registers;
    }

    /** Bytes of a vector register. */
    public int vectorBytes() {
        return vectorBytes;
    }

    /** Floats of a vector register. */
    public int floats() {
        return vectorBytes / Float.BYTES;
    }

    /** Vector registers. */
    public int registers() {
        return registers;
    }

    /** Vectors that hold so many floats. */
    public int vectors(int floats) {
        return Math.ceilDiv(floats, floats());
    }

    /** Floats rounded up to whole vectors. */
    public int padded(int floats) {
        return vectors(floats) * floats();
    }

    /** Whether this has the instructions of another. */
    public boolean includes(InstructionSet other) {
        return compareTo(other) >= 0;
    }

    /** Writes code of these instructions. */
    public Assembler assembler() {
        return this == AVX2 ? new Avx2Assembler() : new Avx512Assembler(this);
    }

    /** The name that processors' makers use. */
    public String title() {
        return switch (this) {
            case AVX2 -> "AVX2";
            case AVX512 -> "AVX-512";
            case AVX512_BF16 -> "AVX-512 with bfloat16";
        };
    }
}

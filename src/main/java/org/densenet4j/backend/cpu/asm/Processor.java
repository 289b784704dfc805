package org.densenet4j.backend.cpu.asm;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * What the processor says of itself, by the instructions CPUID and XGETBV (Intel SDM, volume 2,
 * chapter 3.3, and volume 1, chapter 15.2): an instruction set counts where the system keeps its
 * registers, too.
 */
public final class Processor {
    /** {@code cpuid(leaf, subleaf)} of the two words that RDI points to, over these. */
    private static final byte[] CPUID =
            bytes(
                    0x53, // push rbx
                    0x8B, 0x07, // mov eax, [rdi]
                    0x8B, 0x4F, 0x04, // mov ecx, [rdi + 4]
                    0x0F, 0xA2, // cpuid
                    0x89, 0x07, // mov [rdi], eax
                    0x89, 0x5F, 0x04, // mov [rdi + 4], ebx
                    0x89, 0x4F, 0x08, // mov [rdi + 8], ecx
                    0x89, 0x57, 0x0C, // mov [rdi + 12], edx
                    0x5B, // pop rbx
                    0xC3); // ret

    /** The states that the system keeps, to where RDI points. */
    private static final byte[] XGETBV =
            bytes(
                    0x31, 0xC9, // xor ecx, ecx
                    0x0F, 0x01, 0xD0, // xgetbv
                    0x89, 0x07, // mov [rdi], eax
                    0xC3); // ret

    private static final int AVX_STATE = 0b110;
    private static final int AVX512_STATE = 0b1110_0110;
    private static final int TILE_STATE = 0b11 << 17;

    private static final Processor HERE = MachineCode.allowed() ? new Processor() : null;

    private final InstructionSet set;
    private final boolean tiles;

    private Processor() {
        int[] first = cpuid(1, 0);
        boolean avx = bit(first[2], 12) && bit(first[2], 27) && bit(first[2], 28);
        int state = avx ? xgetbv() : 0;
        int[] seventh = cpuid(7, 0);
        boolean avx2 = keeps(state, AVX_STATE) && bit(seventh[1], 5);
        boolean avx512 =
                avx2
                        && keeps(state, AVX512_STATE)
                        && bit(seventh[1], 16)
                        && bit(seventh[1], 17)
                        && bit(seventh[1], 30)
                        && bit(seventh[1], 31);
        boolean bfloat16 = avx512 && bit(cpuid(7, 1)[0], 5);
        if (bfloat16) {
            set = InstructionSet.AVX512_BF16;
        } else if (avx512) {
            set = InstructionSet.AVX512;
        } else {
            set = avx2 ? InstructionSet.AVX2 : null;
        }
        tiles = bfloat16 && keeps(state, TILE_STATE) && bit(seventh[3], 22) && bit(seventh[3], 24);
    }

    /** The most that kernels can be compiled to here; empty where no machine code runs. */
    public static Optional<InstructionSet> instructions() {
        return HERE == null ? Optional.empty() : Optional.ofNullable(HERE.set);
    }

    /** Whether there are tiles of bfloat16 (AMX), besides AVX-512 with bfloat16. */
    public static boolean hasTiles() {
        return HERE != null && HERE.tiles;
    }

    private static boolean keeps(int state, int wanted) {
        return (state & wanted) == wanted;
    }

    private static boolean bit(int word, int number) {
        return (word >> number & 1) == 1;
    }

    private static int[] cpuid(int leaf, int subleaf) {
        try (NativeCode code = new NativeCode(CPUID);
                Arena arena = Arena.ofConfined()) {
            MemorySegment words = arena.allocateFrom(JAVA_INT, leaf, subleaf, 0, 0);
            code.call(words);
            return words.toArray(JAVA_INT);
        }
    }

    private static int xgetbv() {
        try (NativeCode code = new NativeCode(XGETBV);
                Arena arena = Arena.ofConfined()) {
            MemorySegment word = arena.allocate(JAVA_INT);
            code.call(word);
            return word.get(JAVA_INT, 0);
        }
    }

    private static byte[] bytes(int... values) {
        byte[] bytes = new byte[values.length];
        for (int i = 0; i < values.length; i++) {
            bytes[i] = (byte) values[i];
        }
        return bytes;
    }
}

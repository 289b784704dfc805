package org.densenet4j.backend.cpu.asm;

import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R13;
import static org.densenet4j.backend.cpu.asm.Register.RAX;
import static org.densenet4j.backend.cpu.asm.Register.RBX;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Vector.v;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/**
 * What the assembler makes of several instructions: frames, loops, branches and constants, as
 * LLVM's disassembler reads them. {@link EncodingTest} has the instructions themselves.
 */
class AssemblerTest {
    private static byte[] bytes(InstructionSet set, Consumer<Assembler> code) {
        Assembler a = set.assembler();
        code.accept(a);
        return a.bytes();
    }

    private static void writes(
            InstructionSet set, Consumer<Assembler> code, String... instructions) {
        assertEquals(List.of(instructions), Disassembler.of(bytes(set, code)));
    }

    @Test
    void aFunctionSavesWhatItsCallerKeeps() {
        for (InstructionSet set : InstructionSet.values()) {
            writes(
                    set,
                    Assembler::enter,
                    "push rbx",
                    "push rbp",
                    "push r12",
                    "push r13",
                    "push r14",
                    "push r15");
            writes(
                    set,
                    Assembler::leave,
                    "pop r15",
                    "pop r14",
                    "pop r13",
                    "pop r12",
                    "pop rbp",
                    "pop rbx",
                    "vzeroupper",
                    "ret");
        }
    }

    @Test
    void tailsAreMaskRegistersOneAfterTheOtherWithAvx512() {
        writes(
                InstructionSet.AVX512,
                a -> {
                    assertEquals(new Tail(1, 1), a.tail(1));
                    assertEquals(Tail.WHOLE, a.tail(32));
                    assertEquals(new Tail(15, 2), a.tail(63));
                    a.load(v(1), R12.at(64), new Tail(15, 2));
                },
                "mov rax, 1",
                "kmovw k1, eax",
                "mov rax, 32767",
                "kmovw k2, eax",
                "vmovups zmm1 {k2} {z}, zmmword ptr [r12 + 64]");
    }

    @Test
    void tailsNeedNoCodeWithAvx2() {
        writes(
                InstructionSet.AVX2,
                a -> {
                    assertEquals(new Tail(1, 0), a.tail(17));
                    assertEquals(Tail.WHOLE, a.tail(16));
                });
    }

    /** A product is 6 bytes, a decrement 3 and a jump of four bytes 6. */
    @Test
    void loopsCountDown() {
        writes(
                InstructionSet.AVX512,
                a -> a.repeat(5, R13, () -> a.multiply(v(9), v(8), v(24))),
                "mov r13, 5",
                "vmulps zmm9, zmm8, zmm24",
                "dec r13",
                "jne -15");
    }

    @Test
    void loopsOfAnyLengthGoBackToTheirBegin() {
        for (InstructionSet set : InstructionSet.values()) {
            for (int length : new int[] {1, 19, 20, 24, 200, 7000}) {
                byte[] code = bytes(set, a -> a.repeat(3, R12, () -> zeros(a, length)));
                List<Disassembler.Instruction> read = Disassembler.instructions(code);
                assertEquals(length + 3, read.size());
                String jump = "jne " + (read.get(1).offset() - read.getLast().end());
                assertEquals(jump, read.getLast().text());
            }
        }
    }

    private static void zeros(Assembler a, int count) {
        for (int i = 0; i < count; i++) {
            a.zero(v(i % a.set().registers()));
        }
    }

    @Test
    void whatRunsOnceOrNeverNeedsNoLoop() {
        InstructionSet set = InstructionSet.AVX2;
        writes(set, a -> a.repeat(1, R12, () -> a.zero(v(3))), "vpxor ymm3, ymm3, ymm3");
        writes(set, a -> a.repeat(0, R12, () -> a.zero(v(3))));
        writes(set, a -> a.repeat(-1, R12, () -> a.zero(v(3))));
        writes(set, a -> a.add(RAX, 0));
    }

    @Test
    void registersBecomeZero() {
        writes(InstructionSet.AVX2, a -> a.set(RDI, 0), "mov rdi, 0");
    }

    @Test
    void constantsLieOnceEachBehindTheCode() {
        int[] words = IntStream.range(0, 16).map(i -> 7 * i - 40).toArray();
        byte[] bytes =
                bytes(
                        InstructionSet.AVX512,
                        a -> {
                            a.constant(v(5), words);
                            a.constantEverywhere(v(30), 0x7FFF);
                            a.constant(v(31), words);
                        });
        assertEquals(3 * 64, bytes.length);
        assertEquals(
                List.of(
                        "vmovups zmm5, zmmword ptr [rip + " + (64 - 10) + "]",
                        "vmovups zmm30, zmmword ptr [rip + " + (128 - 20) + "]",
                        "vmovups zmm31, zmmword ptr [rip + " + (64 - 30) + "]"),
                Disassembler.of(Arrays.copyOf(bytes, 30)));
        ByteBuffer constants = ByteBuffer.wrap(bytes, 64, 128).order(ByteOrder.LITTLE_ENDIAN);
        for (int word : words) {
            assertEquals(word, constants.getInt());
        }
        for (int i = 0; i < 16; i++) {
            assertEquals(0x7FFF, constants.getInt());
        }
    }

    @Test
    void addressesMoveByBytes() {
        assertEquals(RBX.at(-60), RBX.at(4).plus(-64));
    }

    @Test
    void whatCannotBeEncodedIsRefused() {
        Assembler a = InstructionSet.AVX2.assembler();
        long far = 1L << 31;
        assertThrows(ArithmeticException.class, () -> RAX.at(far));
        assertThrows(ArithmeticException.class, () -> RAX.at(1).plus(far - 1));
        assertThrows(ArithmeticException.class, () -> a.add(RAX, far));
        assertThrows(ArithmeticException.class, () -> a.set(RAX, -far - 1));
        assertThrows(IllegalArgumentException.class, () -> v(32));
        assertThrows(IllegalArgumentException.class, () -> v(-1));
        assertThrows(IllegalArgumentException.class, () -> a.add(v(16), v(1), v(2)));
        assertThrows(IllegalArgumentException.class, () -> a.add(v(0), v(16), v(2)));
        assertThrows(IllegalArgumentException.class, () -> a.add(v(0), v(1), v(16)));
    }
}

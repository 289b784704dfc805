package org.densenet4j.backend.cpu.asm;

import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R13;
import static org.densenet4j.backend.cpu.asm.Register.RAX;
import static org.densenet4j.backend.cpu.asm.Register.RCX;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/** Small functions that run: {@link AssemblerTest} has the encodings, this what they do. */
class NativeCodeTest {
    @BeforeEach
    void codeRunsHere() {
        assumeTrue(Processor.instructions().isPresent(), "no machine code");
    }

    private static NativeCode function(Consumer<Assembler> body) {
        Assembler a = Processor.instructions().orElseThrow().assembler();
        a.enter();
        body.accept(a);
        a.leave();
        return new NativeCode(a.bytes());
    }

    private static long count(Consumer<Assembler> counting) {
        try (NativeCode code =
                        function(
                                a -> {
                                    a.set(RSI, 0);
                                    counting.accept(a);
                                    a.store(RSI, RDI.at(8));
                                });
                Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(16, 8);
            code.call(memory);
            assertEquals(0, memory.get(JAVA_LONG, 0));
            return memory.get(JAVA_LONG, 8);
        }
    }

    @Test
    void loopsRunAsOftenAsTheySay() {
        for (int outer : new int[] {0, 1, 2, 7}) {
            for (int inner : new int[] {0, 1, 3, 1000}) {
                long counted =
                        count(
                                a ->
                                        a.repeat(
                                                outer,
                                                R12,
                                                () -> {
                                                    a.repeat(inner, R13, () -> a.add(RSI, 1));
                                                    a.add(RSI, 1_000_000);
                                                }));
                assertEquals(outer * (1_000_000L + inner), counted, outer + " times " + inner);
            }
        }
    }

    @Test
    void addressesAndCopiesAreOf64Bits() {
        long counted =
                count(
                        a -> {
                            a.set(RCX, Integer.MAX_VALUE);
                            a.copy(RAX, RCX);
                            a.add(RAX, RCX);
                            a.add(RAX, RAX);
                            a.addressOf(RSI, RAX.at(-4));
                            a.add(RSI, Integer.MIN_VALUE);
                        });
        assertEquals(4L * Integer.MAX_VALUE - 4 + Integer.MIN_VALUE, counted);
    }

    /** Often enough for the caller to be compiled, with values of its own in registers. */
    @Test
    void theCallersRegistersSurviveAFunctionThatUsesAll() {
        try (NativeCode code =
                        function(
                                a -> {
                                    for (Register r : Register.values()) {
                                        a.set(r, -7);
                                    }
                                    for (int v = 0; v < a.set().registers(); v++) {
                                        a.zero(v(v));
                                    }
                                });
                Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(8);
            long sum = 0;
            double product = 1;
            for (int i = 0; i < 50_000; i++) {
                code.call(memory);
                sum += i;
                product *= 1.0001;
            }
            assertEquals(50_000L * 49_999 / 2, sum);
            assertEquals(Math.pow(1.0001, 50_000), product, 1e-9 * product);
        }
    }

    @Test
    void codeMayFillManyPages() {
        assertEquals(
                10_000,
                count(
                        a -> {
                            for (int i = 0; i < 10_000; i++) {
                                a.add(RSI, 1);
                            }
                        }));
    }

    // ---------------------------------------------------------------- life

    @Test
    void codeMayBeClosedTwiceAndDoesNotRunAfterThat() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(8);
            NativeCode code = function(a -> {});
            code.call(memory);
            code.close();
            code.close();
            assertThrows(IllegalStateException.class, () -> code.call(memory));
        }
    }

    @Test
    void codeDoesNotRunOnMemoryThatIsGone() {
        try (NativeCode code = function(a -> a.store(RSI, RDI.at(0)))) {
            MemorySegment memory;
            try (Arena arena = Arena.ofConfined()) {
                memory = arena.allocate(8);
                code.call(memory);
            }
            assertThrows(IllegalStateException.class, () -> code.call(memory));
        }
    }
}

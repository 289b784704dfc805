package org.densenet4j.backend.cpu.code;

import static org.densenet4j.backend.cpu.code.Register.R11;
import static org.densenet4j.backend.cpu.code.Register.R12;
import static org.densenet4j.backend.cpu.code.Register.R13;
import static org.densenet4j.backend.cpu.code.Register.RAX;
import static org.densenet4j.backend.cpu.code.Register.RCX;
import static org.densenet4j.backend.cpu.code.Register.RDI;
import static org.densenet4j.backend.cpu.code.Register.RSI;
import static org.densenet4j.backend.cpu.code.Zmm.zmm;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.Consumer;

/** Small functions that run: {@link AssemblerTest} has the bytes, this what they do. */
class NativeCodeTest {
    private static final int VECTORS = 8;

    /** The processor first: even to find out whether code may run takes AVX. */
    @BeforeEach
    void codeRunsHere() throws IOException {
        Path processors = Path.of("/proc/cpuinfo");
        assumeTrue(
                Files.exists(processors) && Files.readString(processors).contains(" avx512f "),
                "no AVX-512");
        assumeTrue(MachineCode.allowed(), "memory cannot be made executable");
    }

    private static NativeCode function(Consumer<Assembler> body) {
        Assembler a = new Assembler();
        a.enter();
        body.accept(a);
        a.leave();
        return new NativeCode(a.bytes());
    }

    /** Runs a function of some vectors that lie one after the other, and returns them. */
    private static float[] run(float[] values, Consumer<Assembler> body) {
        try (NativeCode code = function(body);
                Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(VECTORS * (long) Zmm.BYTES, Zmm.BYTES);
            MemorySegment.copy(values, 0, memory, JAVA_FLOAT, 0, values.length);
            code.call(memory);
            return memory.toArray(JAVA_FLOAT);
        }
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
    void blocksAndTheirRestCoverACountOnce() {
        for (int count : new int[] {0, 1, 7, 8, 9, 16, 131}) {
            long counted = count(a -> RowPasses.inBlocks(a, count, 8, R11, n -> a.add(RSI, n)));
            assertEquals(count, counted);
        }
    }

    @Test
    void branchesMayBeNestedAndLieInLoops() {
        for (int value : new int[] {0, 1, -1}) {
            long counted =
                    count(
                            a -> {
                                a.set(RCX, value);
                                a.repeat(
                                        3,
                                        R12,
                                        () ->
                                                a.ifZero(
                                                        RCX,
                                                        () ->
                                                                a.ifZero(
                                                                        R12,
                                                                        () -> a.add(RSI, 1000),
                                                                        () -> a.add(RSI, 10)),
                                                        () -> a.add(RSI, 1)));
                            });
            assertEquals(value == 0 ? 30 : 3, counted, value + "");
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
                                    for (int v = 0; v < 32; v++) {
                                        a.zero(zmm(v));
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

    // ---------------------------------------------------------------- vectors

    private static float[] numbers() {
        float[] values = new float[VECTORS * Zmm.FLOATS];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) Math.sin(1 + i) * (1 + i % 5);
        }
        return values;
    }

    private static Address vector(int index) {
        return RDI.at((long) index * Zmm.BYTES);
    }

    @Test
    void masksCoverTheFirstElementsAndNoMemoryBehindThem() {
        float[] before = numbers();
        for (int n = 0; n <= 16; n++) {
            int elements = n;
            float[] after =
                    run(
                            before,
                            a -> {
                                a.first(Mask.K1, elements);
                                a.load(zmm(20), vector(0), Mask.K1);
                                a.store(zmm(20), vector(1));
                                a.load(zmm(20), vector(2));
                                a.store(zmm(20), vector(3), Mask.K1);
                                a.keep(zmm(20), Mask.K1);
                                a.store(zmm(20), vector(4));
                            });
            float[] expected = before.clone();
            Arrays.fill(expected, 16 + n, 32, 0);
            System.arraycopy(before, 0, expected, 16, n);
            System.arraycopy(before, 32, expected, 48, n);
            Arrays.fill(expected, 64 + n, 80, 0);
            System.arraycopy(before, 32, expected, 64, n);
            assertArrayEquals(expected, after, n + " elements");
        }
    }

    @Test
    void arithmeticIsThatOfItsDescription() {
        float[] x = numbers();
        float[] after =
                run(
                        x,
                        a -> {
                            a.load(zmm(17), vector(0));
                            a.load(zmm(2), vector(1));
                            a.load(zmm(31), vector(2));
                            a.load(zmm(9), vector(0));
                            a.multiplyAdd(zmm(9), zmm(2), zmm(31));
                            a.store(zmm(9), vector(3));
                            a.load(zmm(9), vector(0));
                            a.addProduct(zmm(9), zmm(2), zmm(31));
                            a.store(zmm(9), vector(4));
                            a.load(zmm(9), vector(0));
                            a.addProductOfBroadcast(zmm(9), zmm(2), RDI.at(4));
                            a.broadcast(zmm(24), RDI.at(8));
                            a.add(zmm(9), zmm(9), zmm(24));
                            a.store(zmm(9), vector(5));
                            a.subtract(zmm(9), zmm(17), zmm(2));
                            a.multiply(zmm(9), zmm(9), zmm(31));
                            a.store(zmm(9), vector(6));
                            a.add(zmm(9), zmm(17), vector(1));
                            a.maximum(zmm(9), zmm(9), zmm(31));
                            a.store(zmm(9), vector(7));
                        });
        float[] more =
                run(
                        x,
                        a -> {
                            a.load(zmm(17), vector(0));
                            a.load(zmm(2), vector(1));
                            a.copy(zmm(30), zmm(17));
                            a.addProduct(zmm(30), zmm(2), vector(2));
                            a.store(zmm(30), vector(3));
                            a.load(zmm(31), vector(2));
                            a.subtractProduct(zmm(17), zmm(2), zmm(31));
                            a.store(zmm(17), vector(4));
                        });
        for (int i = 0; i < 16; i++) {
            float p = x[i];
            float q = x[16 + i];
            float r = x[32 + i];
            assertEquals(Math.fma(p, q, r), after[48 + i]);
            assertEquals(Math.fma(q, r, p), after[64 + i]);
            assertEquals(Math.fma(q, x[1], p) + x[2], after[80 + i]);
            assertEquals((p - q) * r, after[96 + i]);
            assertEquals(Math.max(p + q, r), after[112 + i]);
            assertEquals(Math.fma(q, r, p), more[48 + i]);
            assertEquals(Math.fma(-q, r, p), more[64 + i]);
        }
    }

    @Test
    void theMaximumOfZeroAndNanIsNan() {
        float[] x = numbers();
        x[3] = Float.NaN;
        float[] after =
                run(
                        x,
                        a -> {
                            a.zero(zmm(30));
                            a.load(zmm(1), vector(0));
                            a.maximum(zmm(1), zmm(30), zmm(1));
                            a.store(zmm(1), vector(1));
                        });
        for (int i = 0; i < 16; i++) {
            assertEquals(i == 3 ? Float.NaN : Math.max(0, x[i]), after[16 + i]);
        }
    }

    @Test
    void whatIsLessIsKeptAmongWhatTheMaskHolds() {
        float[] x = numbers();
        x[5] = 0;
        x[6] = Float.NaN;
        float[] after =
                run(
                        x,
                        a -> {
                            a.zero(zmm(31));
                            a.first(Mask.K2, 11);
                            a.load(zmm(8), vector(0));
                            for (int i = 0; i < 4; i++) {
                                Mask among = i % 2 == 0 ? Mask.K0 : Mask.K2;
                                if (i < 2) {
                                    a.less(Mask.K3, zmm(31), vector(0), among);
                                } else {
                                    a.less(Mask.K3, zmm(31), zmm(8), among);
                                }
                                a.load(zmm(22), vector(1));
                                a.keep(zmm(22), Mask.K3);
                                a.store(zmm(22), vector(2 + i));
                            }
                        });
        for (int i = 0; i < 16; i++) {
            float kept = 0 < x[i] ? x[16 + i] : 0;
            for (int vector : new int[] {2, 4}) {
                assertEquals(kept, after[16 * vector + i], i + "");
                assertEquals(i < 11 ? kept : 0, after[16 * vector + 16 + i], i + "");
            }
        }
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

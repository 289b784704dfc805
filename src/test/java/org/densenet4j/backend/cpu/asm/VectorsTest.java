package org.densenet4j.backend.cpu.asm;

import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Vector.v;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import org.densenet4j.backend.BFloat16;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;

/** What vector instructions, and what is made of several, do on every instruction set here. */
class VectorsTest {
    private static final int VECTORS = 8;

    static List<InstructionSet> sets() {
        return InstructionSets.here();
    }

    /** Runs a function of some vectors that lie one after the other, and returns them. */
    private static float[] run(InstructionSet set, float[] values, Consumer<Assembler> body) {
        Assembler a = set.assembler();
        a.enter();
        body.accept(a);
        a.leave();
        try (NativeCode code = new NativeCode(a.bytes());
                Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(VECTORS * (long) set.vectorBytes(), 64);
            MemorySegment.copy(values, 0, memory, JAVA_FLOAT, 0, values.length);
            code.call(memory);
            return memory.toArray(JAVA_FLOAT);
        }
    }

    private static float[] numbers(InstructionSet set) {
        float[] values = new float[VECTORS * set.floats()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) Math.sin(1 + i) * (1 + i % 5);
        }
        return values;
    }

    private static Address vector(InstructionSet set, int index) {
        return RDI.at((long) index * set.vectorBytes());
    }

    @ParameterizedTest
    @MethodSource("sets")
    void tailsCoverTheFirstElementsAndNoMemoryBehindThem(InstructionSet set) {
        float[] before = numbers(set);
        int n = set.floats();
        for (int count = 1; count <= n; count++) {
            int elements = count;
            float[] after =
                    run(
                            set,
                            before,
                            a -> {
                                Tail tail = a.tail(elements + 3 * n);
                                a.load(v(11), vector(set, 0), tail);
                                a.store(v(11), vector(set, 1));
                                a.load(v(3), vector(set, 2));
                                a.store(v(3), vector(set, 3), tail);
                            });
            float[] expected = before.clone();
            Arrays.fill(expected, n + elements, 2 * n, 0);
            System.arraycopy(before, 0, expected, n, elements);
            System.arraycopy(before, 2 * n, expected, 3 * n, elements);
            assertArrayEquals(expected, after, elements + " elements");
        }
    }

    @ParameterizedTest
    @MethodSource("sets")
    void bfloat16IsLoadedAndRoundedToNearestEvenInTailsToo(InstructionSet set) {
        Random random = new Random(3);
        int n = set.floats();
        for (int count = 1; count <= n; count++) {
            int elements = count;
            Assembler a = set.assembler();
            a.enter();
            Tail tail = a.tail(elements);
            a.load(v(5), RDI.at(0));
            a.storeBFloat16(v(5), RDI.at(64), tail);
            a.loadBFloat16(v(9), RDI.at(64), tail);
            a.store(v(9), RDI.at(128));
            a.leave();
            try (NativeCode code = new NativeCode(a.bytes());
                    Arena arena = Arena.ofConfined()) {
                MemorySegment memory = arena.allocate(192, 64);
                for (int i = 0; i < n; i++) {
                    // A third of them halfway between two neighbours.
                    int bits = Float.floatToRawIntBits((float) random.nextGaussian());
                    memory.setAtIndex(JAVA_INT, i, i % 3 == 0 ? bits & 0xFFFF0000 | 0x8000 : bits);
                }
                if (n > 6) {
                    memory.setAtIndex(JAVA_FLOAT, 1, Float.NaN);
                    memory.setAtIndex(JAVA_FLOAT, 2, Float.NEGATIVE_INFINITY);
                    memory.setAtIndex(JAVA_FLOAT, 4, 0);
                }
                for (int i = 0; i < 32; i++) {
                    memory.setAtIndex(JAVA_SHORT, 32 + i, (short) 0x1234);
                }
                code.call(memory);
                for (int i = 0; i < n; i++) {
                    float value = memory.getAtIndex(JAVA_FLOAT, i);
                    short stored = memory.getAtIndex(JAVA_SHORT, 32 + i);
                    float loaded = memory.getAtIndex(JAVA_FLOAT, 32 + i);
                    String what = elements + " elements, " + i + ": " + value;
                    if (i >= elements) {
                        assertEquals(0x1234, stored, what);
                        assertEquals(0, loaded, what);
                    } else {
                        float rounded = BFloat16.toFloat(BFloat16.of(value));
                        assertEquals(rounded, BFloat16.toFloat(stored), what);
                        assertEquals(rounded, loaded, what);
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("sets")
    void wordsAreGatheredFromTheirPlaces(InstructionSet set) {
        float[] x = numbers(set);
        int n = set.floats();
        for (int elements : new int[] {1, n - 1, n}) {
            float[] after =
                    run(
                            set,
                            x,
                            a -> {
                                Tail tail = a.tail(elements);
                                a.multiples(v(2), 12);
                                a.gather(v(1), RDI.at(4), v(2), tail);
                                a.store(v(1), vector(set, 7));
                            });
            for (int i = 0; i < n; i++) {
                assertEquals(i < elements ? x[1 + 3 * i] : 0, after[7 * n + i], elements + "");
            }
        }
    }

    @ParameterizedTest
    @MethodSource("sets")
    void arithmeticIsThatOfItsDescription(InstructionSet set) {
        float[] x = numbers(set);
        float[] after =
                run(
                        set,
                        x,
                        a -> {
                            a.load(v(7), vector(set, 0));
                            a.load(v(2), vector(set, 1));
                            a.load(v(14), vector(set, 2));
                            a.load(v(9), vector(set, 0));
                            a.multiplyAdd(v(9), v(2), v(14));
                            a.store(v(9), vector(set, 3));
                            a.load(v(9), vector(set, 0));
                            a.addProduct(v(9), v(2), v(14));
                            a.store(v(9), vector(set, 4));
                            a.load(v(9), vector(set, 0));
                            a.addProductOfBroadcast(v(9), v(2), RDI.at(4));
                            a.broadcast(v(10), RDI.at(8));
                            a.add(v(9), v(9), v(10));
                            a.store(v(9), vector(set, 5));
                            a.subtract(v(9), v(7), v(2));
                            a.multiply(v(9), v(9), v(14));
                            a.store(v(9), vector(set, 6));
                            a.add(v(9), v(7), vector(set, 1));
                            a.maximum(v(9), v(9), v(14));
                            a.store(v(9), vector(set, 7));
                        });
        float[] more =
                run(
                        set,
                        x,
                        a -> {
                            a.load(v(7), vector(set, 0));
                            a.load(v(2), vector(set, 1));
                            a.copy(v(13), v(7));
                            a.load(v(14), vector(set, 2));
                            a.addProduct(v(13), v(2), v(14));
                            a.store(v(13), vector(set, 3));
                            a.subtractProduct(v(7), v(2), v(14));
                            a.store(v(7), vector(set, 4));
                            a.everywhere(v(3), 2.5f);
                            a.store(v(3), vector(set, 5));
                            a.constantEverywhere(v(3), 0x40400000);
                            a.shiftRight(v(3), 20);
                            a.shiftLeft(v(3), 20);
                            a.everywhere(v(4), 3);
                            a.or(v(3), v(3), v(4));
                            a.store(v(3), vector(set, 6));
                        });
        int n = set.floats();
        for (int i = 0; i < n; i++) {
            float p = x[i];
            float q = x[n + i];
            float r = x[2 * n + i];
            assertEquals(Math.fma(p, q, r), after[3 * n + i]);
            assertEquals(Math.fma(q, r, p), after[4 * n + i]);
            assertEquals(Math.fma(q, x[1], p) + x[2], after[5 * n + i]);
            assertEquals((p - q) * r, after[6 * n + i]);
            assertEquals(Math.max(p + q, r), after[7 * n + i]);
            assertEquals(Math.fma(q, r, p), more[3 * n + i]);
            assertEquals(Math.fma(-q, r, p), more[4 * n + i]);
            assertEquals(2.5f, more[5 * n + i]);
            assertEquals(3, more[6 * n + i]);
        }
    }

    @ParameterizedTest
    @MethodSource("sets")
    void theMaximumOfZeroAndNanIsNan(InstructionSet set) {
        float[] x = numbers(set);
        x[3] = Float.NaN;
        float[] after =
                run(
                        set,
                        x,
                        a -> {
                            a.zero(v(12));
                            a.load(v(1), vector(set, 0));
                            a.maximum(v(1), v(12), v(1));
                            a.store(v(1), vector(set, 1));
                        });
        for (int i = 0; i < set.floats(); i++) {
            assertEquals(i == 3 ? Float.NaN : Math.max(0, x[i]), after[set.floats() + i]);
        }
    }

    @ParameterizedTest
    @MethodSource("sets")
    void valuesAreKeptWhereOthersArePositiveOrEqual(InstructionSet set) {
        float[] x = numbers(set);
        int n = set.floats();
        x[5] = 0;
        x[6] = Float.NaN;
        x[2 * n + 4] = x[4];
        float[] after =
                run(
                        set,
                        x,
                        a -> {
                            a.zero(v(13));
                            a.load(v(8), vector(set, 0));
                            a.load(v(9), vector(set, 1));
                            a.keepWherePositive(v(9), vector(set, 0), v(13));
                            a.store(v(9), vector(set, 3));
                            a.load(v(9), vector(set, 1));
                            a.keepWherePositive(v(9), v(8), v(13));
                            a.store(v(9), vector(set, 4));
                            a.load(v(9), vector(set, 1));
                            a.load(v(10), vector(set, 2));
                            a.keepWhereEqual(v(9), v(8), v(10));
                            a.store(v(9), vector(set, 5));
                        });
        for (int i = 0; i < n; i++) {
            float kept = 0 < x[i] ? x[n + i] : 0;
            assertEquals(kept, after[3 * n + i], i + "");
            assertEquals(kept, after[4 * n + i], i + "");
            assertEquals(i == 4 ? x[n + i] : 0, after[5 * n + i], i + "");
        }
    }
}

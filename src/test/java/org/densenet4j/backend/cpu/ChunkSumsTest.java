package org.densenet4j.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import org.densenet4j.backend.Matrix;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import java.util.function.Consumer;

/** {@link ChunkSums} on the Vector API does what the plain loops do, to the last bit. */
class ChunkSumsTest {
    private static final long BYTES = 1 << 16;

    @ParameterizedTest
    @CsvSource({"8, 1", "16, 7", "128, 5", "48, 32", "13, 3", "5, 4"})
    void statisticsAreThoseOfThePlainLoops(int channels, int chunks) {
        Matrix partials = Matrix.dense(0, 2 * chunks, channels);
        Matrix statistics = Matrix.dense(partials.bytes(), 3, channels);
        int perChunk = 10;
        int rows = chunks * perChunk - 3;
        assertSame(
                memory ->
                        new ChunkSums.Loops(memory)
                                .finishStatistics(partials, perChunk, rows, 1e-5f, statistics),
                memory ->
                        new ChunkSums.Vectors(memory)
                                .finishStatistics(partials, perChunk, rows, 1e-5f, statistics));
    }

    @ParameterizedTest
    @CsvSource({"8, 1", "16, 7", "128, 5", "48, 32", "13, 3", "5, 4"})
    void normGradientsAreThoseOfThePlainLoops(int channels, int chunks) {
        Matrix partials = Matrix.dense(0, 2 * chunks, channels);
        Matrix statistics = Matrix.dense(partials.bytes(), 3, channels);
        Matrix sums = Matrix.dense(statistics.offset() + statistics.bytes(), 2, channels);
        Matrix gamma = Matrix.vector(sums.offset() + sums.bytes(), channels);
        Matrix beta = Matrix.vector(gamma.offset() + gamma.bytes(), channels);
        assertSame(
                memory ->
                        new ChunkSums.Loops(memory)
                                .finishNormGradient(
                                        partials, chunks, statistics, sums, gamma, beta),
                memory ->
                        new ChunkSums.Vectors(memory)
                                .finishNormGradient(
                                        partials, chunks, statistics, sums, gamma, beta));
    }

    private static void assertSame(Consumer<MemorySegment> plain, Consumer<MemorySegment> vectors) {
        assertArrayEquals(after(plain), after(vectors));
    }

    /** A memory of positive numbers after some work on it. */
    private static float[] after(Consumer<MemorySegment> work) {
        Random random = new Random(7);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(BYTES, 64);
            for (long i = 0; i < BYTES / Float.BYTES; i++) {
                memory.setAtIndex(JAVA_FLOAT, i, 0.1f + random.nextFloat());
            }
            work.accept(memory);
            return memory.toArray(JAVA_FLOAT);
        }
    }
}

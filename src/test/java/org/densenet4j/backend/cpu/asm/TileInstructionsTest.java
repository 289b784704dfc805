package org.densenet4j.backend.cpu.asm;

import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R13;
import static org.densenet4j.backend.cpu.asm.Register.R15;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Register.RAX;
import static org.densenet4j.backend.cpu.asm.Register.RCX;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Register.RDX;
import static org.densenet4j.backend.cpu.asm.TileRegister.tile;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import org.densenet4j.backend.BFloat16;
import org.junit.jupiter.api.Test;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HexFormat;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/** Encodings of instructions on tiles as GNU's assembler has them, and what they do. */
class TileInstructionsTest {
    private static final int N = 16;

    private static String encoded(Consumer<TileInstructions> body) {
        Avx512Assembler a = (Avx512Assembler) InstructionSet.AVX512_BF16.assembler();
        body.accept(new TileInstructions(a));
        return HexFormat.of().formatHex(a.bytes());
    }

    private static TileAddress at(Register base, Register stride) {
        return new TileAddress(base.at(0x100), stride);
    }

    @Test
    void instructionsAreEncodedAsAnAssemblerDoes() {
        assertEquals("c4e27849c0", encoded(TileInstructions::release));
        assertEquals("c4e27b49e8", encoded(t -> t.zero(tile(5))));
        assertEquals("c4a27b4b9c0a00010000", encoded(t -> t.load(tile(3), at(RDX, R9))));
        assertEquals("c4c2794bbc0400010000", encoded(t -> t.loadOnce(tile(7), at(R12, RAX))));
        assertEquals("c4827a4bb43d00010000", encoded(t -> t.store(tile(6), at(R13, R15))));
        assertEquals("c4e2425cca", encoded(t -> t.addProduct(tile(1), tile(2), tile(7))));
    }

    @Test
    void theConfigurationGivesEachOfEightTilesSixteenRowsOfACacheLine() {
        String code = encoded(TileInstructions::configure);
        assertTrue(code.startsWith("c4e2784905"), code);
        assertEquals(
                "01"
                        + "00".repeat(15)
                        + "4000".repeat(8)
                        + "00".repeat(16)
                        + "10".repeat(8)
                        + "00".repeat(8),
                code.substring(2 * 64));
    }

    @Test
    void thereAreEightTiles() {
        assertThrows(IllegalArgumentException.class, () -> tile(8));
        assertThrows(IllegalArgumentException.class, () -> tile(-1));
    }

    private static void assumeTiles() {
        assumeTrue(TileSupport.here(), "no tiles (AMX) here");
    }

    /** Code for {@code sums += left·right}, the sums at RDI and the operands behind them. */
    private static NativeCode product(int leftRow, int rightRow) {
        Avx512Assembler a = (Avx512Assembler) InstructionSet.AVX512_BF16.assembler();
        TileInstructions tiles = new TileInstructions(a);
        a.enter();
        tiles.configure();
        a.set(RAX, 64);
        a.set(RCX, leftRow);
        a.set(R9, rightRow);
        tiles.load(tile(0), new TileAddress(RDI.at(0), RAX));
        tiles.load(tile(1), new TileAddress(RDI.at(1024), RCX));
        tiles.loadOnce(tile(2), new TileAddress(RDI.at(1024 + N * leftRow), R9));
        tiles.addProduct(tile(0), tile(1), tile(2));
        tiles.store(tile(0), new TileAddress(RDI.at(0), RAX));
        tiles.release();
        a.leave();
        return new NativeCode(a.bytes());
    }

    /** Runs a product of normal values and compares it with double precision. */
    private static void check(Random random) {
        int leftRow = 64 * (1 + random.nextInt(3));
        int rightRow = 64 * (1 + random.nextInt(3));
        double[][] left = new double[N][2 * N];
        double[][] right = new double[2 * N][N];
        try (NativeCode code = product(leftRow, rightRow);
                Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(1024L + N * (leftRow + rightRow), 64);
            for (int i = 0; i < N; i++) {
                for (int k = 0; k < 2 * N; k++) {
                    short l = BFloat16.of((float) random.nextGaussian());
                    short r = BFloat16.of((float) random.nextGaussian());
                    left[i][k] = BFloat16.toFloat(l);
                    right[k][i] = BFloat16.toFloat(r);
                    memory.set(JAVA_SHORT, 1024 + i * leftRow + 2L * k, l);
                    long pairs = 1024L + N * leftRow;
                    memory.set(JAVA_SHORT, pairs + k / 2 * rightRow + 4L * i + k % 2 * 2, r);
                }
            }
            double[][] expected = new double[N][N];
            for (int i = 0; i < N; i++) {
                for (int j = 0; j < N; j++) {
                    float before = (float) random.nextGaussian();
                    memory.setAtIndex(JAVA_FLOAT, N * i + j, before);
                    expected[i][j] = before;
                    for (int k = 0; k < 2 * N; k++) {
                        expected[i][j] += left[i][k] * right[k][j];
                    }
                }
            }
            code.call(memory);
            for (int i = 0; i < N; i++) {
                for (int j = 0; j < N; j++) {
                    assertEquals(expected[i][j], memory.getAtIndex(JAVA_FLOAT, N * i + j), 1e-4);
                }
            }
        }
    }

    @Test
    void productsOfTilesAreAddedToSums() {
        assumeTiles();
        Random random = new Random(1);
        for (int i = 0; i < 50; i++) {
            check(random);
        }
    }

    /** Each thread has tiles of its own, and the vectors of others are not disturbed. */
    @Test
    void productsAreRightWhileOtherThreadsComputeAndAllocate() throws InterruptedException {
        assumeTiles();
        AtomicBoolean failed = new AtomicBoolean();
        Thread[] threads = new Thread[6];
        for (int i = 0; i < threads.length; i++) {
            int number = i;
            threads[i] =
                    Thread.ofPlatform()
                            .uncaughtExceptionHandler((t, e) -> failed.set(true))
                            .start(() -> work(number));
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertFalse(failed.get(), "a product or sum was wrong");
    }

    private static void work(int number) {
        Random random = new Random(number);
        for (int i = 0; i < 60; i++) {
            if (number % 2 == 0) {
                check(random);
            } else {
                float[] values = new float[20_000];
                for (int j = 0; j < values.length; j++) {
                    values[j] = j % 7 * 0.5f;
                }
                double sum = 0;
                for (float value : values) {
                    sum += value;
                }
                assertEquals(29_998.5, sum, 1e-9);
            }
        }
    }
}

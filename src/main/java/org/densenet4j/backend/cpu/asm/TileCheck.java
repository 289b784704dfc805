package org.densenet4j.backend.cpu.asm;

import static org.densenet4j.backend.cpu.asm.Register.RAX;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.TileRegister.tile;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** Whether products of tiles come out right, on a thread and on another. */
final class TileCheck {
    private static final int ROWS = TileRegister.ROWS;
    private static final int TILE_BYTES = ROWS * TileRegister.ROW_BYTES;
    private static final int PRODUCTS = 3;

    private TileCheck() {}

    static boolean isRightOnAnotherThread() {
        boolean[] right = new boolean[1];
        Thread thread = Thread.ofPlatform().daemon().start(() -> right[0] = isRight());
        boolean interrupted = false;
        while (true) {
            try {
                thread.join();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return right[0];
    }

    /** Sums of a few products of small whole numbers, which are exact, twice. */
    static boolean isRight() {
        int[] left = new int[ROWS * 2 * ROWS];
        int[] right = new int[2 * ROWS * ROWS];
        for (int i = 0; i < left.length; i++) {
            left[i] = i * 7 % 23 - 11;
            right[i] = i * 5 % 19 - 9;
        }
        float[] expected = new float[ROWS * ROWS];
        for (int i = 0; i < expected.length; i++) {
            for (int k = 0; k < 2 * ROWS; k++) {
                expected[i] +=
                        PRODUCTS * left[i / ROWS * 2 * ROWS + k] * right[k * ROWS + i % ROWS];
            }
        }
        try (NativeCode code = new NativeCode(product());
                Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(3L * TILE_BYTES, 64);
            for (int i = 0; i < ROWS * ROWS; i++) {
                memory.setAtIndex(JAVA_INT, i, pair(left[2 * i], left[2 * i + 1]));
                int even = i / ROWS * 2 * ROWS + i % ROWS;
                memory.setAtIndex(JAVA_INT, ROWS * ROWS + i, pair(right[even], right[even + ROWS]));
            }
            for (int run = 0; run < 2; run++) {
                MemorySegment sums = memory.asSlice(2L * TILE_BYTES);
                sums.fill((byte) -1);
                code.call(memory);
                if (!Arrays.equals(expected, sums.toArray(JAVA_FLOAT))) {
                    return false;
                }
            }
            return true;
        }
    }

    /** The numbers as bfloat16, exactly. */
    private static int pair(int even, int odd) {
        return Float.floatToRawIntBits(even) >>> Short.SIZE
                | Float.floatToRawIntBits(odd) & 0xFFFF0000;
    }

    /** Code for the product of two tiles at RDI, a few times, to the third. */
    private static byte[] product() {
        Avx512Assembler a = (Avx512Assembler) InstructionSet.AVX512_BF16.assembler();
        TileInstructions tiles = new TileInstructions(a);
        a.enter();
        tiles.configure();
        a.set(RAX, TileRegister.ROW_BYTES);
        tiles.load(tile(1), new TileAddress(RDI.at(0), RAX));
        tiles.loadOnce(tile(7), new TileAddress(RDI.at(TILE_BYTES), RAX));
        tiles.zero(tile(0));
        for (int i = 0; i < PRODUCTS; i++) {
            tiles.addProduct(tile(0), tile(1), tile(7));
        }
        tiles.store(tile(0), new TileAddress(RDI.at(2L * TILE_BYTES), RAX));
        tiles.release();
        a.leave();
        return a.bytes();
    }
}

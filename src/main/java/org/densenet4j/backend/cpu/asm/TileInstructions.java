package org.densenet4j.backend.cpu.asm;

import static org.densenet4j.backend.cpu.asm.VectorInstruction.MAP_0F38;
import static org.densenet4j.backend.cpu.asm.VectorInstruction.NO_PREFIX;
import static org.densenet4j.backend.cpu.asm.VectorInstruction.PREFIX_66;
import static org.densenet4j.backend.cpu.asm.VectorInstruction.PREFIX_F2;
import static org.densenet4j.backend.cpu.asm.VectorInstruction.PREFIX_F3;

/**
 * Writes the instructions on tiles (AMX) into the code of an {@link Avx512Assembler}; Intel SDM,
 * volume 2, and volume 1, chapter 18. Between {@link #configure} and {@link #release} all tiles
 * have 16 rows of 64 bytes. They run only where {@link TileSupport} has the system's permission.
 */
public final class TileInstructions {
    private static final int CONFIGURATION = 0x49;
    private static final int MEMORY = 0x4B;

    private final CodeBuffer code;

    public TileInstructions(Avx512Assembler a) {
        this.code = a.code;
    }

    /** Gives every tile its 16 rows of 64 bytes, all zeros. */
    public void configure() {
        instruction(NO_PREFIX, CONFIGURATION).constant(new Vector(0), null, configuration());
    }

    /** Bytes of palette 1: at 16 the bytes of a row, two each, at 48 the rows, one each. */
    private static int[] configuration() {
        int[] words = new int[16];
        words[0] = 1;
        for (int i = 0; i < TileRegister.COUNT / 2; i++) {
            words[4 + i] = TileRegister.ROW_BYTES | TileRegister.ROW_BYTES << 16;
        }
        for (int i = 0; i < TileRegister.COUNT / 4; i++) {
            words[12 + i] = TileRegister.ROWS * 0x01010101;
        }
        return words;
    }

    /** Ends the use of tiles, so that the system need not keep them for this thread. */
    public void release() {
        instruction(NO_PREFIX, CONFIGURATION).registers(new Vector(0), null, new Vector(0));
    }

    public void zero(TileRegister to) {
        instruction(PREFIX_F2, CONFIGURATION).registers(vector(to), null, new Vector(0));
    }

    public void load(TileRegister to, TileAddress from) {
        memory(PREFIX_F2, to, from);
    }

    /** A load of what will not be read again soon. */
    public void loadOnce(TileRegister to, TileAddress from) {
        memory(PREFIX_66, to, from);
    }

    public void store(TileRegister from, TileAddress to) {
        memory(PREFIX_F3, from, to);
    }

    /**
     * {@code sum += left·right}, for a sum of 16 rows of 16 float32.
     *
     * @param left 16 rows of 32 bfloat16
     * @param right 32 rows of 16 bfloat16, as 16 rows of pairs: element (k, n) is half k % 2 of
     *     word n of row k / 2
     */
    public void addProduct(TileRegister sum, TileRegister left, TileRegister right) {
        instruction(PREFIX_F3, 0x5C).registers(vector(sum), vector(right), vector(left));
    }

    private void memory(int prefix, TileRegister tile, TileAddress at) {
        instruction(prefix, MEMORY).indexed(vector(tile), at.first(), at.stride());
    }

    private Vex instruction(int prefix, int opcode) {
        return new Vex(code, MAP_0F38, prefix, opcode).bits128();
    }

    private static Vector vector(TileRegister tile) {
        return new Vector(tile.number());
    }
}

package org.densenet4j.backend.cpu.asm;

/**
 * One of the eight tile registers (AMX): 16 rows of 64 bytes.
 *
 * @param number the encoding, from 0
 */
public record TileRegister(int number) {
    /** How many there are. */
    public static final int COUNT = 8;

    /** Rows of each. */
    public static final int ROWS = 16;

    /** Bytes of a row. */
    public static final int ROW_BYTES = 64;

    /** Refuses others than 0 to 7. */
    public TileRegister {
        if (number < 0 || number >= COUNT) {
            throw new IllegalArgumentException("tile register " + number);
        }
    }

    /** The register of a number. */
    public static TileRegister tile(int number) {
        return new TileRegister(number);
    }
}

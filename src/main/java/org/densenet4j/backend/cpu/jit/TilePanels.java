package org.densenet4j.backend.cpu.jit;

import org.densenet4j.backend.cpu.asm.TileRegister;

/**
 * How the right side of a product of tiles lies in memory: panels of 16 columns one behind the
 * other, each of pairs along the dimension that is summed over, filled up with pairs of zeros to
 * whole tiles.
 *
 * @param inner elements that are summed over
 * @param total columns
 */
public record TilePanels(int inner, int total) {
    private static final int COLUMNS = TileRegister.ROW_BYTES / Float.BYTES;

    /** Elements of an inner dimension, or rows of a left side, that fill tiles. */
    public static int padded(int elements) {
        return TileBlock.padded(elements);
    }

    /** Number of panels. */
    public int count() {
        return TileBlock.tiles(total);
    }

    /** First column of a panel. */
    public int firstColumn(int panel) {
        return panel * COLUMNS;
    }

    /** Columns that a panel has; in memory it has 16. */
    public int columns(int panel) {
        return Math.min(COLUMNS, total - firstColumn(panel));
    }

    /** Bytes of a panel. */
    public long panelBytes() {
        return rowBytes(TileBlock.padded(inner));
    }

    /** Bytes of a panel before the zeros. */
    public long filledBytes() {
        return rowBytes(inner);
    }

    private static long rowBytes(int inner) {
        return (long) Words.BFLOAT16_PAIRS.words(inner) * TileRegister.ROW_BYTES;
    }

    /** Where a panel is behind the first. */
    public long offset(int panel) {
        return panel * panelBytes();
    }

    /** Bytes of all panels. */
    public long bytes() {
        return offset(count());
    }
}

package org.densenet4j.backend.cpu.jit;

import org.densenet4j.backend.cpu.asm.TileRegister;

/**
 * How one side of a {@link TripletProductKernel} lies in memory: panels of 16 rows of the left
 * side, or 16 columns of the right, one behind the other. A panel has, for 32 elements after the
 * other that are summed over, a tile of each part of {@link Triplets}, and is filled up with zeros
 * to whole tiles.
 *
 * <p>A pair of elements that a word of a tile holds are 16 apart, so that two vectors of float32
 * become pairs element by element; the order in which a sum is taken is that of both sides.
 *
 * @param inner elements that are summed over
 * @param total rows of the left side, or columns of the right
 */
public record TripletPanels(int inner, int total) {
    /** Bytes of the tiles of 32 elements that are summed over. */
    static final long STEP_BYTES = Triplets.PARTS * TileBlock.TILE_BYTES;

    /** Number of panels. */
    public int count() {
        return TileBlock.tiles(total);
    }

    /** First row or column of a panel. */
    public int first(int panel) {
        return panel * TileRegister.ROWS;
    }

    /** Rows or columns that a panel has; in memory it has 16. */
    public int size(int panel) {
        return Math.min(TileRegister.ROWS, total - first(panel));
    }

    /** Products of tiles' elements along a panel. */
    int steps() {
        return TileBlock.padded(inner) / TileBlock.ELEMENTS;
    }

    /** Bytes of a panel. */
    public long panelBytes() {
        return steps() * STEP_BYTES;
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

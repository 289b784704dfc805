package org.densenet4j.backend.cpu.jit;

import org.densenet4j.backend.cpu.asm.InstructionSet;

/**
 * How the columns of a product's right side are cut into panels, so that the sums of a tile fill
 * the registers of a {@link SumBlock}.
 */
public final class Panels {
    private final InstructionSet set;
    private final int total;
    private final int width;

    /** For so many columns. */
    public Panels(InstructionSet set, int columns) {
        this.set = set;
        this.total = set.vectors(columns);
        this.width = width(set, total);
    }

    /** Vectors of every panel but possibly the last, for so many in all. */
    static int width(InstructionSet set, int vectors) {
        if (set == InstructionSet.AVX2) {
            return vectors % 3 == 0 || vectors % 2 > 0 && vectors > 1 ? 3 : Math.min(vectors, 2);
        }
        return vectors % 4 == 0 && vectors % 3 != 0 ? 4 : Math.min(vectors, 3);
    }

    /** Rows of a tile: of at most eight, because so many are normalised at a time. */
    int rows() {
        return Math.min(8, SumBlock.most(set) / width);
    }

    /** Number of panels. */
    public int count() {
        return Math.ceilDiv(total, width);
    }

    /** First column of a panel. */
    public int firstColumn(int panel) {
        return first(panel) * set.floats();
    }

    /** Columns of a panel, padding included. */
    public int columns(int panel) {
        return vectors(panel) * set.floats();
    }

    /** First vector of a panel. */
    int first(int panel) {
        return panel * width;
    }

    /** Floats of all panels with {@code rows} rows. */
    public long floats(int rows) {
        return (long) rows * total * set.floats();
    }

    /** Vectors of a panel. */
    int vectors(int panel) {
        return Math.min(width, total - first(panel));
    }
}

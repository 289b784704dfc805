package org.densenet4j.backend.cpu.code;

/**
 * How the columns of a product's right side are cut into panels, so that the sums of a tile fill 24
 * vector registers: 8 rows of 3 vectors, or 6 of 4.
 */
public final class Panels {
    private final int total;
    private final int width;

    /** For so many columns. */
    public Panels(int columns) {
        total = RowPasses.vectors(columns);
        width = width(total);
    }

    /** Vectors of every panel but possibly the last, for so many in all. */
    static int width(int vectors) {
        return vectors % 4 == 0 && vectors % 3 != 0 ? 4 : Math.min(vectors, 3);
    }

    /** Rows of a tile. */
    int rows() {
        return width == 4 ? 6 : 8;
    }

    /** Number of panels. */
    public int count() {
        return Math.ceilDiv(total, width);
    }

    /** First column of a panel. */
    public int firstColumn(int panel) {
        return first(panel) * Zmm.FLOATS;
    }

    /** Columns of a panel, padding included. */
    public int columns(int panel) {
        return vectors(panel) * Zmm.FLOATS;
    }

    /** First vector of a panel. */
    int first(int panel) {
        return panel * width;
    }

    /** Floats of all panels with {@code rows} rows. */
    public long floats(int rows) {
        return (long) rows * total * Zmm.FLOATS;
    }

    /** Vectors of a panel. */
    int vectors(int panel) {
        return Math.min(width, total - first(panel));
    }
}

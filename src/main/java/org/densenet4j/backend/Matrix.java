package org.densenet4j.backend;

/**
 * A row-major matrix inside a {@link DeviceArena}: a view, never an owner.
 *
 * <p>Activations are channels-last (NHWC), so a feature map is a matrix with {@code rows = N·H·W}
 * and one column per channel. A dense layer's input is the {@linkplain #prefix column prefix} of
 * its block's feature matrix; this view is the whole of what "concatenation" costs here.
 *
 * @param offset bytes from the start of the arena to element (0, 0)
 * @param rows number of rows
 * @param columns number of columns in the view
 * @param stride elements from one row to the next, at least {@code columns}
 * @param type storage of one element
 */
public record Matrix(long offset, int rows, int columns, int stride, DataType type) {
    private static final int CACHE_LINE = 64;

    /**
     * {@return a contiguous float32 matrix}
     *
     * @param offset bytes from the start of the arena to element (0, 0)
     * @param rows number of rows
     * @param columns number of columns
     */
    public static Matrix dense(long offset, int rows, int columns) {
        return new Matrix(offset, rows, columns, columns, DataType.FLOAT32);
    }

    /**
     * {@return a float32 matrix whose rows lie {@code stride} elements apart}
     *
     * @param offset bytes from the start of the arena to element (0, 0)
     * @param rows number of rows
     * @param columns number of columns
     * @param stride elements from one row to the next, at least {@code columns}
     */
    public static Matrix strided(long offset, int rows, int columns, int stride) {
        return new Matrix(offset, rows, columns, stride, DataType.FLOAT32);
    }

    /**
     * {@return a contiguous matrix of another storage type}
     *
     * @param offset bytes from the start of the arena to element (0, 0)
     * @param rows number of rows
     * @param columns number of columns
     * @param type storage of one element
     */
    public static Matrix dense(long offset, int rows, int columns, DataType type) {
        return new Matrix(offset, rows, columns, columns, type);
    }

    /**
     * {@return a matrix whose rows start on cache-line boundaries: vector loads that cross a
     * boundary cost twice as much, and a row is read by every later layer}
     *
     * @param offset bytes from the start of the arena to element (0, 0)
     * @param rows number of rows
     * @param columns number of columns
     * @param type storage of one element
     */
    public static Matrix aligned(long offset, int rows, int columns, DataType type) {
        int line = CACHE_LINE / type.bytes();
        return new Matrix(offset, rows, columns, (columns + line - 1) / line * line, type);
    }

    /**
     * {@return a float32 vector, as a matrix of one row}
     *
     * @param offset bytes from the start of the arena to element (0, 0)
     * @param length elements of the vector
     */
    public static Matrix vector(long offset, int length) {
        return dense(offset, 1, length);
    }

    /**
     * {@return the first {@code count} columns: what a dense layer reads}
     *
     * @param count of columns, from 0 to all
     */
    public Matrix prefix(int count) {
        return columns(0, count);
    }

    /**
     * {@return the columns {@code [from, from + count)}}
     *
     * @param from first column of the view
     * @param count of columns
     */
    public Matrix columns(int from, int count) {
        if (from < 0 || count < 0 || from + count > columns) {
            throw new IndexOutOfBoundsException(
                    "columns [" + from + ", " + (from + count) + ") of " + this);
        }
        return new Matrix(offset + (long) from * type.bytes(), rows, count, stride, type);
    }

    /**
     * {@return the rows {@code [from, from + count)}}
     *
     * @param from first row of the view
     * @param count of rows
     */
    public Matrix rows(int from, int count) {
        if (from < 0 || count < 0 || from + count > rows) {
            throw new IndexOutOfBoundsException(
                    "rows [" + from + ", " + (from + count) + ") of " + this);
        }
        return new Matrix(
                offset + (long) from * stride * type.bytes(), count, columns, stride, type);
    }

    /**
     * {@return row {@code index} as a vector}
     *
     * @param index of the row, from 0
     */
    public Matrix row(int index) {
        return rows(index, 1);
    }

    /**
     * {@return the leading part of this matrix's memory seen as a dense matrix of another shape}
     *
     * @param newRows rows of the view
     * @param newColumns columns of the view
     */
    public Matrix reshaped(int newRows, int newColumns) {
        if (!isDense() || (long) newRows * newColumns > (long) rows * columns) {
            throw new IllegalArgumentException(
                    this + " does not hold a dense " + newRows + " x " + newColumns);
        }
        return new Matrix(offset, newRows, newColumns, newColumns, type);
    }

    /** {@return whether rows follow each other without a gap} */
    public boolean isDense() {
        return stride == columns;
    }

    /**
     * {@return the byte offset of element ({@code row}, {@code column})}
     *
     * @param row from 0
     * @param column from 0
     */
    public long at(int row, int column) {
        return offset + ((long) row * stride + column) * type.bytes();
    }

    /** {@return bytes from one row to the next} */
    public long rowBytes() {
        return (long) stride * type.bytes();
    }

    /** {@return bytes from the first element to the end of the last row's padding} */
    public long storedBytes() {
        return (long) rows * stride * type.bytes();
    }

    /** {@return bytes of a dense matrix of this shape} */
    public long bytes() {
        return (long) rows * columns * type.bytes();
    }

    @Override
    public String toString() {
        return rows + " x " + columns + (isDense() ? "" : " (stride " + stride + ")");
    }
}

package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.TileRegister.tile;

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.Register;
import org.densenet4j.backend.cpu.asm.TileAddress;
import org.densenet4j.backend.cpu.asm.TileInstructions;
import org.densenet4j.backend.cpu.asm.TileRegister;

import java.util.ArrayList;
import java.util.List;

/**
 * A block of a matrix product whose sums stay in tile registers: up to two by two tiles of 16x16
 * float32, so that each operand that is loaded is multiplied twice.
 *
 * @param rows tiles of the left side
 * @param columns tiles of the right side
 */
record TileBlock(int rows, int columns) {
    /** Tiles along a side, at most. */
    static final int SIDE = 2;

    /** Rows or columns of a block, at most; also the elements of one step of a product. */
    static final int ELEMENTS = SIDE * TileRegister.ROWS;

    /** Bytes of a tile's rows one behind the other. */
    static final long TILE_BYTES = (long) TileRegister.ROWS * TileRegister.ROW_BYTES;

    /** Bytes that the sums of a block are stored to. */
    static final long BYTES = SIDE * SIDE * TILE_BYTES;

    private static final int LEFT = SIDE * SIDE;
    private static final int RIGHT = LEFT + SIDE;

    /** Tiles that hold so many rows or columns. */
    static int tiles(int elements) {
        return Math.ceilDiv(elements, TileRegister.ROWS);
    }

    /** Elements rounded up to whole tiles' rows of pairs, which a step of a product takes. */
    static int padded(int elements) {
        return Math.ceilDiv(elements, ELEMENTS) * ELEMENTS;
    }

    /** The block of some rows and columns. */
    static TileBlock of(int rows, int columns) {
        return new TileBlock(tiles(rows), tiles(columns));
    }

    void zero(TileInstructions t) {
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < columns; c++) {
                t.zero(sum(r, c));
            }
        }
    }

    /**
     * Adds the products of 32 elements along the dimension that is summed over.
     *
     * @param left 32 bfloat16 of the first row
     * @param leftTile bytes from tile to tile of the left side
     * @param right 16 pairs of the first columns
     * @param rightTile bytes from tile to tile of the right side
     */
    void addProducts(
            TileInstructions t,
            Address left,
            Register leftRow,
            long leftTile,
            Address right,
            Register rightRow,
            long rightTile) {
        products(t, left, leftRow, leftTile, right, rightRow, rightTile).forEach(Runnable::run);
    }

    /** The instructions of {@link #addProducts}, each to be written in turn between others. */
    List<Runnable> products(
            TileInstructions t,
            Address left,
            Register leftRow,
            long leftTile,
            Address right,
            Register rightRow,
            long rightTile) {
        List<Runnable> code = new ArrayList<>();
        for (int i = 0; i < columns; i++) {
            int c = i;
            TileAddress from = new TileAddress(right.plus(c * rightTile), rightRow);
            code.add(() -> t.load(tile(RIGHT + c), from));
        }
        for (int i = 0; i < rows; i++) {
            int r = i;
            TileAddress from = new TileAddress(left.plus(r * leftTile), leftRow);
            code.add(() -> t.load(tile(LEFT + r), from));
            for (int j = 0; j < columns; j++) {
                int c = j;
                code.add(() -> t.addProduct(sum(r, c), tile(LEFT + r), tile(RIGHT + c)));
            }
        }
        return code;
    }

    /**
     * Adds the products of 32 elements of {@link Triplets} along the dimension that is summed over:
     * first those of the smallest parts. An operand stays in its tile from one product to the next.
     *
     * @param left tiles of the first rows, a part behind the other
     * @param right those of the first columns
     * @param panel bytes from panel to panel of either side
     * @param row holds {@link TileRegister#ROW_BYTES}
     */
    void addTripletProducts(
            TileInstructions t, Address left, Address right, long panel, Register row) {
        int[][] parts = {{0, 2}, {0, 1}, {1, 1}, {1, 0}, {2, 0}, {0, 0}};
        int leftPart = -1;
        int rightPart = -1;
        for (int[] part : parts) {
            for (int c = 0; c < columns && part[1] != rightPart; c++) {
                Address from = right.plus(c * panel + part[1] * TILE_BYTES);
                t.load(tile(RIGHT + c), new TileAddress(from, row));
            }
            for (int r = 0; r < rows; r++) {
                if (part[0] != leftPart) {
                    Address from = left.plus(r * panel + part[0] * TILE_BYTES);
                    t.load(tile(LEFT + r), new TileAddress(from, row));
                }
                for (int c = 0; c < columns; c++) {
                    t.addProduct(sum(r, c), tile(LEFT + r), tile(RIGHT + c));
                }
            }
            leftPart = part[0];
            rightPart = part[1];
        }
    }

    /**
     * Stores the sums, tile behind tile; see {@link #offset}.
     *
     * @param row holds {@link TileRegister#ROW_BYTES}
     */
    void store(TileInstructions t, Address to, Register row) {
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < columns; c++) {
                t.store(sum(r, c), new TileAddress(to.plus((SIDE * r + c) * TILE_BYTES), row));
            }
        }
    }

    /**
     * Takes the sums from the rows of a matrix of float32, which have to be all there.
     *
     * @param stride holds {@code row}
     * @param row bytes from row to row
     */
    void loadRows(TileInstructions t, Address from, Register stride, long row) {
        forEachSum((r, c, at) -> t.load(sum(r, c), new TileAddress(from.plus(at), stride)), row);
    }

    /**
     * Stores the sums to the rows of a matrix of float32.
     *
     * @param stride holds {@code row}
     * @param row bytes from row to row
     */
    void storeRows(TileInstructions t, Address to, Register stride, long row) {
        forEachSum((r, c, at) -> t.store(sum(r, c), new TileAddress(to.plus(at), stride)), row);
    }

    /** A tile of sums and where it lies in a matrix. */
    private interface OfSum {
        void write(int row, int column, long at);
    }

    private void forEachSum(OfSum each, long matrixRow) {
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < columns; c++) {
                each.write(r, c, TileRegister.ROWS * (r * matrixRow + c * (long) Float.BYTES));
            }
        }
    }

    /** Where 16 columns of a row of the stored sums are. */
    static long offset(int row, int column) {
        return (SIDE * (row / TileRegister.ROWS) + column) * TILE_BYTES
                + (long) row % TileRegister.ROWS * TileRegister.ROW_BYTES;
    }

    private static TileRegister sum(int row, int column) {
        return tile(SIDE * row + column);
    }
}

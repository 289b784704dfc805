package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R10;
import static org.densenet4j.backend.cpu.asm.Register.R11;
import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R13;
import static org.densenet4j.backend.cpu.asm.Register.R8;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Register.RAX;
import static org.densenet4j.backend.cpu.asm.Register.RCX;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Register.RDX;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.Avx512Assembler;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.TileRegister;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * A matrix of float32 as {@link TripletPanels}, one side of a {@link TripletProductKernel}:
 *
 * <pre>
 * X [rows, columns] strided     panels of 16 rows of X, or of 16 columns where rows are summed over
 * </pre>
 *
 * Behind the last row and column of X there are zeros. Where it is normalised, {@code max(0,
 * X·scale + shift)} stands for X, and rows are the panels of a left side. Moves X and the panels
 * once.
 */
public final class TripletTilesKernel extends Kernel {
    private static final int LINES = TileRegister.ROWS;

    /** Vectors of a line: two of float32, pairs of their parts, and a temporary one. */
    private static final int VECTORS = 4;

    /** Lines after which vectors are used again. */
    private static final int GROUP = 4;

    /** Scales of the 32 columns that are worked on, and their shifts. */
    private static final int SCALES = GROUP * VECTORS;

    private static final int SHIFTS = SCALES + 2;
    private static final Vector ZERO = v(SHIFTS + 2);

    /** Bytes that rows are fetched ahead: what is packed may have been used last long before. */
    private static final long AHEAD = 4 * 64;

    private final Form form;
    private final Avx512Assembler wide;
    private final Triplets triplets;
    private Tail tail;

    /** Which side of a product the panels are. */
    public enum Side {
        /** A row of a tile is one row of the product, with 16 pairs of what is summed over. */
        LEFT,
        /** A row of a tile is one pair of what is summed over, of 16 columns of the product. */
        RIGHT
    }

    /**
     * What is compiled.
     *
     * @param xRow bytes from row to row of X
     * @param sumsOverRows whether the product sums over the rows of X, not over its columns
     * @param normalises whether scales and shifts of the columns are read
     */
    public record Form(
            int rows, int columns, long xRow, boolean sumsOverRows, Side side, boolean normalises) {

        /** Of X as it is. */
        public Form(int rows, int columns, long xRow, boolean sumsOverRows, Side side) {
            this(rows, columns, xRow, sumsOverRows, side, false);
        }

        /** Rows of a normalised X as the left side of a product. */
        public static Form normalised(int rows, int columns, long xRow) {
            return new Form(rows, columns, xRow, false, Side.LEFT, true);
        }
    }

    /**
     * Compiles.
     *
     * @param set that tiles come with
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public TripletTilesKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        this.wide = (Avx512Assembler) a;
        this.triplets = new Triplets(wide);
        compile(this::whole);
    }

    /** Bytes of the tiles that are transposed at a time. */
    public static long scratchBytes() {
        return TripletPanels.STEP_BYTES;
    }

    /**
     * Runs.
     *
     * @param x address of the matrix
     * @param to address of the first panel
     * @param scratch address of {@link #scratchBytes} bytes
     * @throws IllegalStateException when closed
     */
    public void run(long x, long to, long scratch) {
        run(x, to, scratch, 0, 0);
    }

    /**
     * Runs.
     *
     * @param x address of the matrix
     * @param to address of the first panel
     * @param scratch address of {@link #scratchBytes} bytes
     * @param scale address of the columns' scales; any where X is not normalised
     * @param shift the same of their shifts
     * @throws IllegalStateException when closed
     */
    public void run(long x, long to, long scratch, long scale, long shift) {
        call(x, to, scratch, scale, shift);
    }

    private void whole() {
        triplets.begin();
        tail = a.tail(form.columns);
        a.zero(ZERO);
        if (form.sumsOverRows) {
            Loops.inBlocks(a, form.rows, TileBlock.ELEMENTS, R12, this::stepOfPanels);
        } else {
            Loops.inBlocks(a, form.rows, LINES, R12, this::panel);
        }
    }

    /** 32 rows of all panels: rows are read as they lie in memory. */
    private void stepOfPanels(int rows) {
        long panel = new TripletPanels(form.rows, form.columns).panelBytes();
        a.copy(R10, RDI);
        a.copy(R11, RSI);
        Loops.inBlocks(
                a,
                form.columns,
                LINES,
                R13,
                columns -> {
                    step((vector, r, half) -> load(vector, r + half * LINES, 0, rows, columns));
                    a.add(R10, columns * (long) Float.BYTES);
                    a.add(R11, panel);
                });
        a.add(RDI, rows * form.xRow);
        a.add(RSI, TripletPanels.STEP_BYTES);
    }

    /** A panel of rows. */
    private void panel(int rows) {
        a.copy(R10, RDI);
        a.copy(R11, RSI);
        a.copy(R9, RCX);
        a.copy(RAX, R8);
        Loops.inBlocks(
                a,
                form.columns,
                TileBlock.ELEMENTS,
                R13,
                columns -> {
                    if (form.normalises) {
                        loadAffine(columns);
                    }
                    step((vector, r, half) -> load(vector, r, half, rows, columns));
                    a.add(R10, columns * (long) Float.BYTES);
                    a.add(R11, TripletPanels.STEP_BYTES);
                });
        a.add(RDI, rows * form.xRow);
        a.add(RSI, new TripletPanels(form.columns, form.rows).panelBytes());
    }

    /** Loads what becomes the lower or upper halves of a line of pairs. */
    private interface Source {
        void load(Vector to, int line, int half);
    }

    /** The tiles of 32 elements that are summed over. */
    private void step(Source source) {
        boolean transposes = form.sumsOverRows == (form.side == Side.LEFT);
        Address to = (transposes ? RDX : R11).at(0);
        for (int line = 0; line < LINES; line++) {
            int first = line % GROUP * VECTORS;
            source.load(v(first), line, 0);
            source.load(v(first + 1), line, 1);
            triplets.store(
                    v(first),
                    v(first + 1),
                    v(first + 2),
                    v(first + 3),
                    to.plus((long) line * TileRegister.ROW_BYTES),
                    TileBlock.TILE_BYTES);
        }
        for (int part = 0; part < Triplets.PARTS && transposes; part++) {
            long tile = part * TileBlock.TILE_BYTES;
            long row = TileRegister.ROW_BYTES;
            WordTransposition.emit(wide, RDX.at(tile), row, R11.at(tile), row);
        }
    }

    /** Scales and shifts of some columns, zeros where there is none, and on to the next. */
    private void loadAffine(int columns) {
        for (int half = 0; half * set.floats() < columns; half++) {
            long at = (long) half * set.vectorBytes();
            a.load(v(SCALES + half), R9.at(at), tail(half, columns, tail));
            a.load(v(SHIFTS + half), RAX.at(at), tail(half, columns, tail));
        }
        a.add(R9, columns * (long) Float.BYTES);
        a.add(RAX, columns * (long) Float.BYTES);
    }

    /** A vector of a row of some rows and columns; zeros where there is none. */
    private void load(Vector to, int row, int vector, int rows, int columns) {
        if (row < rows && vector * set.floats() < columns) {
            Address from = R10.at(row * form.xRow + (long) vector * set.vectorBytes());
            a.prefetch(from.plus(AHEAD));
            a.load(to, from, tail(vector, columns, tail));
            if (form.normalises) {
                a.multiplyAdd(to, v(SCALES + vector), v(SHIFTS + vector));
                a.maximum(to, ZERO, to);
            }
        } else {
            a.zero(to);
        }
    }
}

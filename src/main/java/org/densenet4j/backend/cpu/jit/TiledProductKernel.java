package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R10;
import static org.densenet4j.backend.cpu.asm.Register.R11;
import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R13;
import static org.densenet4j.backend.cpu.asm.Register.R14;
import static org.densenet4j.backend.cpu.asm.Register.R15;
import static org.densenet4j.backend.cpu.asm.Register.R8;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Register.RBP;
import static org.densenet4j.backend.cpu.asm.Register.RBX;
import static org.densenet4j.backend.cpu.asm.Register.RCX;
import static org.densenet4j.backend.cpu.asm.Register.RDX;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.Avx512Assembler;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Register;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.TileInstructions;
import org.densenet4j.backend.cpu.asm.TileRegister;

import java.util.List;

/**
 * A product of matrices in bfloat16 by products of tiles (AMX), {@code C = A·B} or {@code C +=
 * A·B}:
 *
 * <pre>
 * A [rows, inner] strided   B [inner, columns] as {@link TilePanels}   C [rows, columns] strided
 * </pre>
 *
 * or a sum of such products of A from several places on, the taps of a convolution, with B's one
 * behind the other.
 *
 * <p>All rows of A go by 32 columns of B, which stay in the cache, and then by the next 32. Tiles
 * take A from where it lies. What does not fill tiles is copied first and filled up with zeros:
 * where the inner dimension is no multiple of 32, the last elements of every row; and the last
 * rows, if they are fewer than 32.
 */
public final class TiledProductKernel extends Kernel {
    private static final int BLOCK = TileBlock.ELEMENTS;

    private final Form form;
    private final TileInstructions tiles;
    private final int wholeSteps;
    private final int wholeRows;
    private final long lastRow;
    private Tail innerTail;
    private TileResult result;

    /** Addresses of the matrices, and of {@link #scratchBytes} bytes. */
    public enum Argument {
        A,
        B,
        C,
        SCRATCH
    }

    /**
     * What is compiled.
     *
     * @param inner columns of A, rows of B
     * @param aRow bytes from row to row of A
     * @param cRow bytes from row to row of C
     * @param result how C is stored
     * @param accumulate whether the product is added to C
     * @param panel bytes from panel to panel of B
     * @param taps bytes from A to the first row of each product's left side
     * @param filled whether A fills tiles: {@code inner} is a multiple of 32, and there is memory
     *     to read behind the last row, up to a multiple of 32
     */
    public record Form(
            int rows,
            int inner,
            int columns,
            long aRow,
            long cRow,
            Storage result,
            boolean accumulate,
            long panel,
            List<Long> taps,
            boolean filled) {

        /** A product of matrices of any size. */
        public static Form of(
                int rows,
                int inner,
                int columns,
                long aRow,
                long cRow,
                Storage result,
                boolean accumulate) {
            long panel = new TilePanels(inner, columns).panelBytes();
            List<Long> taps = List.of(0L);
            return new Form(
                    rows, inner, columns, aRow, cRow, result, accumulate, panel, taps, false);
        }
    }

    /**
     * Compiles.
     *
     * @param set that tiles come with
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public TiledProductKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        this.tiles = new TileInstructions((Avx512Assembler) a);
        this.wholeSteps = form.inner / BLOCK;
        this.wholeRows = form.rows / BLOCK * BLOCK;
        this.lastRow = lastRow(form.inner);
        compile(this::whole);
    }

    // ---------------------------------------------------------------- scratch

    /** Bytes of the scratch that a product of so many rows and terms works with. */
    public static long scratchBytes(int rows, int inner) {
        return lastRows(rows) + BLOCK * lastRow(inner);
    }

    /** Bytes of the scratch of a product whose A fills tiles. */
    public static long filledScratchBytes() {
        return TileBlock.BYTES;
    }

    /** Where the last elements of rows are: a vector of each, behind the sums. */
    private static long rowEnds() {
        return TileBlock.BYTES;
    }

    /** Where copies of the last rows are. */
    private static long lastRows(int rows) {
        return rowEnds() + (long) rows / BLOCK * BLOCK * TileRegister.ROW_BYTES;
    }

    private static long lastRow(int inner) {
        return Loops.tileRow(Words.BFLOAT16_PAIRS.words(inner));
    }

    // ---------------------------------------------------------------- code

    /** Runs. */
    public void run(Arguments arguments) {
        call(arguments);
    }

    private boolean hasRowEnds() {
        return !form.filled && form.inner % BLOCK > 0;
    }

    private int lastRows() {
        return form.rows % BLOCK;
    }

    private void whole() {
        tiles.configure();
        a.load(R9, argument(Argument.SCRATCH));
        innerTail = a.tail(form.inner);
        Tail columnTail = a.tail(form.columns);
        result = new TileResult(this, form.result, form.cRow, form.accumulate, true, columnTail);
        if (!form.filled) {
            copyLastElements();
        }
        a.set(R8, form.aRow);
        a.set(R10, lastRow);
        a.set(R15, TileRegister.ROW_BYTES);
        a.load(RDX, argument(Argument.B));
        Loops.inBlocks(
                a,
                form.columns,
                BLOCK,
                RBP,
                columns -> {
                    columnBlock(columns);
                    a.add(RDX, TileBlock.SIDE * form.panel);
                    Loops.advance(a, Argument.C, BLOCK * (long) form.result.bytes());
                });
        tiles.release();
    }

    // ---------------------------------------------------------------- what does not fill tiles

    private void copyLastElements() {
        a.load(RSI, argument(Argument.A));
        a.addressOf(RBX, R9.at(rowEnds()));
        if (hasRowEnds()) {
            a.repeat(wholeRows, R12, () -> copyRow(wholeSteps, TileRegister.ROW_BYTES));
        } else {
            a.add(RSI, wholeRows * form.aRow);
        }
        a.addressOf(RBX, R9.at(lastRows(form.rows)));
        a.repeat(lastRows(), R12, () -> copyRow(0, lastRow));
    }

    /** Copies a row from RSI to RBX, from some vector on, and goes on to the next. */
    private void copyRow(int firstVector, long toRow) {
        for (int i = firstVector; i < wholeSteps; i++) {
            long at = (long) i * TileRegister.ROW_BYTES;
            a.load(v(0), RSI.at(at));
            a.store(v(0), RBX.at(at));
        }
        int rest = form.inner % BLOCK;
        Address from = RSI.at((long) wholeSteps * TileRegister.ROW_BYTES);
        Address to = RBX.at((long) (wholeSteps - firstVector) * TileRegister.ROW_BYTES);
        if (rest > 0) {
            a.zero(v(0));
            a.store(v(0), to);
        }
        for (int i = 0; i < set.vectors(rest); i++) {
            Tail some = tail(i, rest, innerTail);
            long at = i * Storage.BFLOAT16.vectorBytes(set);
            a.loadBFloat16(v(0), from.plus(at), some);
            a.storeBFloat16(v(0), to.plus(at), some);
        }
        a.add(RSI, form.aRow);
        a.add(RBX, toRow);
    }

    // ---------------------------------------------------------------- blocks

    /** All rows by up to 32 columns, whose panels are at RDX. */
    private void columnBlock(int columns) {
        a.load(R11, argument(Argument.A));
        a.load(R14, argument(Argument.C));
        a.addressOf(RSI, R9.at(rowEnds()));
        a.repeat(wholeRows / BLOCK, R13, () -> block(BLOCK, columns, R8, hasRowEnds()));
        if (lastRows() > 0 && form.filled) {
            block(lastRows(), columns, R8, false);
        } else if (lastRows() > 0) {
            a.addressOf(R11, R9.at(lastRows(form.rows)));
            block(lastRows(), columns, R10, false);
        }
    }

    /**
     * A block of C, and on to the next rows.
     *
     * @param leftRow holds bytes from row to row of what R11 points to
     * @param hasEnds whether the last elements of rows are where RSI points to
     */
    private void block(int rows, int columns, Register leftRow, boolean hasEnds) {
        TileBlock block = TileBlock.of(rows, columns);
        long leftTile = TileRegister.ROWS * (leftRow == R8 ? form.aRow : lastRow);
        result.begin(tiles, rows, columns);
        a.copy(RCX, RDX);
        for (long tap : form.taps) {
            a.addressOf(RBX, R11.at(tap));
            a.repeat(
                    hasEnds ? wholeSteps : Math.ceilDiv(form.inner, BLOCK),
                    R12,
                    () -> {
                        block.addProducts(
                                tiles, RBX.at(0), leftRow, leftTile, RCX.at(0), R15, form.panel);
                        a.add(RBX, TileRegister.ROW_BYTES);
                        a.add(RCX, TileBlock.TILE_BYTES);
                    });
        }
        if (hasEnds) {
            block.addProducts(
                    tiles, RSI.at(0), R15, TileBlock.TILE_BYTES, RCX.at(0), R15, form.panel);
            a.add(RSI, BLOCK * TileRegister.ROW_BYTES);
        }
        result.end(tiles, rows, columns);
        a.add(R11, rows * (leftRow == R8 ? form.aRow : lastRow));
    }
}

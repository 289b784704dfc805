package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R10;
import static org.densenet4j.backend.cpu.asm.Register.R11;
import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R13;
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
 * Columns of a matrix in bfloat16 as rows, the left side of a {@link TiledProductKernel} whose A is
 * transposed:
 *
 * <pre>
 * X [rows, columns] strided     Xᵀ [columns to 16, rows to 32] strided
 * </pre>
 *
 * Behind the last row and column of X there are zeros. 32 rows of 16 columns become pairs of rows
 * first, and these are transposed as words. Moves X and Xᵀ once.
 */
public final class TransposedRowsKernel extends Kernel {
    private static final int COLUMNS = TileRegister.ROWS;
    private static final int ROWS = TileBlock.ELEMENTS;
    private static final Vector WORD = v(0);
    private static final Vector UPPER = v(1);

    private final Form form;
    private Tail tail;

    /**
     * What is compiled.
     *
     * @param xRow bytes from row to row of X
     * @param toRow bytes from row to row of Xᵀ
     */
    public record Form(int rows, int columns, long xRow, long toRow) {}

    /**
     * Compiles.
     *
     * @param set that tiles come with
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public TransposedRowsKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        compile(this::whole);
    }

    /** Bytes from row to row of Xᵀ, for so many rows of X. */
    public static long rowBytes(int rows) {
        return Loops.tileRow(Words.BFLOAT16_PAIRS.words(TileBlock.padded(rows)));
    }

    /** Bytes of the pairs that are transposed at a time. */
    public static long scratchBytes() {
        return TileBlock.TILE_BYTES;
    }

    /**
     * Runs.
     *
     * @param x address of the first column in the first row
     * @param to address of the first row of Xᵀ
     * @param scratch address of {@link #scratchBytes} bytes
     */
    public void run(long x, long to, long scratch) {
        call(x, to, scratch, 0, 0);
    }

    private void whole() {
        tail = a.tail(form.columns);
        Loops.inBlocks(a, form.columns, COLUMNS, R12, this::columns);
    }

    private void columns(int columns) {
        a.copy(R10, RDI);
        a.copy(R11, RSI);
        Loops.inBlocks(a, form.rows, ROWS, R13, rows -> block(rows, columns));
        a.add(RDI, columns * (long) Storage.BFLOAT16.bytes());
        a.add(RSI, COLUMNS * form.toRow);
    }

    private void block(int rows, int columns) {
        Tail some = tail(0, columns, tail);
        for (int r = 0; r < ROWS; r += 2) {
            Address from = R10.at(r * form.xRow);
            if (r < rows) {
                a.loadHalves(WORD, from, some);
            } else {
                a.zero(WORD);
            }
            if (r + 1 < rows) {
                a.loadBFloat16(UPPER, from.plus(form.xRow), some);
                a.or(WORD, WORD, UPPER);
            }
            a.store(WORD, RDX.at(r / 2 * (long) set.vectorBytes()));
        }
        WordTransposition.emit(
                (Avx512Assembler) a, RDX.at(0), set.vectorBytes(), R11.at(0), form.toRow);
        a.add(R10, rows * form.xRow);
        a.add(R11, TileRegister.ROW_BYTES);
    }
}

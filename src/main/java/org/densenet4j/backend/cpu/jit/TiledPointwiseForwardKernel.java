package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R10;
import static org.densenet4j.backend.cpu.asm.Register.R11;
import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R13;
import static org.densenet4j.backend.cpu.asm.Register.R14;
import static org.densenet4j.backend.cpu.asm.Register.R15;
import static org.densenet4j.backend.cpu.asm.Register.R8;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Register.RAX;
import static org.densenet4j.backend.cpu.asm.Register.RBP;
import static org.densenet4j.backend.cpu.asm.Register.RBX;
import static org.densenet4j.backend.cpu.asm.Register.RCX;
import static org.densenet4j.backend.cpu.asm.Register.RDX;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Avx512Assembler;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.TileInstructions;
import org.densenet4j.backend.cpu.asm.TileRegister;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * {@link PointwiseForwardKernel} of activations in bfloat16 with products of tiles (AMX):
 *
 * <pre>
 * X [rows, K] strided   W packed as panels [pairs of K, 16 columns]   Z [rows, N] strided
 * </pre>
 *
 * The pairs of a panel are filled up to {@link TileBlock#padded} elements with zeros.
 *
 * <p>32 rows are normalised into the first-level cache as rows of bfloat16, a left operand, and
 * multiplied with two panels at a time; meanwhile the next 32 are fetched. The sums are rounded on
 * their way through a few KB of memory, because tiles have no path to vector registers.
 */
public final class TiledPointwiseForwardKernel extends Kernel {
    /** Rows that are normalised at a time: two vectors of each fill half of the registers. */
    private static final int GROUP = 8;

    private static final int LINE = 64;

    private final Form form;
    private final Avx512Assembler wide;
    private final TileInstructions tiles;
    private final long leftRow;
    private final int steps;
    private Tail inputTail;
    private Tail outputTail;

    /**
     * What is compiled.
     *
     * @param inputs K
     * @param outputs N
     * @param xRow bytes from row to row of X
     * @param zRow bytes from row to row of Z
     */
    public record Form(int rows, int inputs, int outputs, long xRow, long zRow) {}

    /**
     * Compiles.
     *
     * @param set that tiles come with
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public TiledPointwiseForwardKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        this.wide = (Avx512Assembler) a;
        this.tiles = new TileInstructions(wide);
        this.leftRow = leftRow(form.inputs);
        this.steps = TileBlock.padded(form.inputs) / TileBlock.ELEMENTS;
        compile(this::whole);
    }

    private static long leftRow(int inputs) {
        return Loops.tileRow(Words.BFLOAT16_PAIRS.words(inputs));
    }

    /** Bytes of the tile that a call works on. */
    public static long tileBytes(int inputs) {
        return TileBlock.BYTES + TileBlock.ELEMENTS * leftRow(inputs);
    }

    /** Runs, with the arguments of {@link PointwiseForwardKernel.Argument}. */
    public void run(Arguments arguments) {
        call(arguments);
    }

    private void whole() {
        tiles.configure();
        inputTail = a.tail(form.inputs);
        outputTail = a.tail(form.outputs);
        a.load(RSI, argument(PointwiseForwardKernel.Argument.X));
        a.load(R9, argument(PointwiseForwardKernel.Argument.TILE));
        a.load(R10, argument(PointwiseForwardKernel.Argument.Z));
        a.set(R8, leftRow);
        a.set(R15, TileRegister.ROW_BYTES);
        Loops.inBlocks(a, form.rows, TileBlock.ELEMENTS, R11, this::tile);
        tiles.release();
    }

    /** Z of up to 32 rows. */
    private void tile(int rows) {
        a.copy(RDX, RSI);
        a.addressOf(R14, R9.at(TileBlock.BYTES));
        Loops.inBlocks(a, rows, GROUP, R13, this::normalise);
        a.load(RCX, argument(PointwiseForwardKernel.Argument.WEIGHTS));
        a.copy(R14, R10);
        int blocks = Math.ceilDiv(form.outputs, TileBlock.ELEMENTS);
        boolean partial = form.outputs % TileBlock.ELEMENTS > 0;
        // The first block fetches the next rows.
        block(rows, blocks == 1 && partial, true);
        a.repeat(blocks - (partial ? 2 : 1), R13, () -> block(rows, false, false));
        if (blocks > 1 && partial) {
            block(rows, true, false);
        }
        a.add(RSI, rows * form.xRow);
        a.add(R10, rows * form.zRow);
    }

    // ---------------------------------------------------------------- A

    /** A few rows from RDX to R14, and on to the next. */
    private void normalise(int rows) {
        a.copy(RAX, RDX);
        a.copy(RBX, R14);
        a.load(RCX, argument(PointwiseForwardKernel.Argument.SCALE));
        a.load(R12, argument(PointwiseForwardKernel.Argument.SHIFT));
        a.zero(v(31));
        a.repeat(
                form.inputs / TileBlock.ELEMENTS,
                RBP,
                () -> {
                    normalise(rows, 2, Tail.WHOLE, Tail.WHOLE);
                    a.add(RAX, 2 * Storage.BFLOAT16.vectorBytes(set));
                    a.add(RBX, LINE);
                    a.add(RCX, 2L * set.vectorBytes());
                    a.add(R12, 2L * set.vectorBytes());
                });
        int rest = form.inputs % TileBlock.ELEMENTS;
        if (rest > set.floats()) {
            normalise(rows, 2, Tail.WHOLE, inputTail);
        } else if (rest > 0) {
            normalise(rows, 1, inputTail, inputTail);
        }
        a.add(RDX, rows * form.xRow);
        a.add(R14, rows * leftRow);
    }

    /** 32 columns of some rows; where there is only one vector the others are zeros. */
    private void normalise(int rows, int vectors, Tail lower, Tail upper) {
        Vector[] scale = {v(24), v(25)};
        Vector[] shift = {v(26), v(27)};
        Tail[] tails = {lower, upper};
        for (int i = 0; i < vectors; i++) {
            a.load(scale[i], RCX.at((long) i * set.vectorBytes()), tails[i]);
            a.load(shift[i], R12.at((long) i * set.vectorBytes()), tails[i]);
            for (int r = 0; r < rows; r++) {
                long at = r * form.xRow + i * Storage.BFLOAT16.vectorBytes(set);
                Storage.BFLOAT16.load(a, v(2 * r + i), RAX.at(at), tails[i]);
            }
        }
        for (int r = 0; r < rows; r++) {
            for (int i = 0; i < vectors; i++) {
                Vector x = v(2 * r + i);
                a.multiplyAdd(x, scale[i], shift[i]);
                a.maximum(x, v(31), x);
            }
            wide.round(v(2 * r), vectors > 1 ? v(2 * r + 1) : v(31), v(2 * r));
            a.store(v(2 * r), RBX.at(r * leftRow));
        }
    }

    // ---------------------------------------------------------------- Z

    /** Z of some rows and up to 32 columns, from R14 on. */
    private void block(int rows, boolean last, boolean fetches) {
        int columns = last ? form.outputs % TileBlock.ELEMENTS : TileBlock.ELEMENTS;
        TileBlock block = TileBlock.of(rows, columns);
        long panel = steps * TileBlock.TILE_BYTES;
        block.zero(tiles);
        a.addressOf(RBX, R9.at(TileBlock.BYTES));
        a.addressOf(RAX, RSI.at(rows * form.xRow));
        a.repeat(
                steps,
                R12,
                () -> {
                    if (fetches) {
                        for (int r = 0; r < rows; r++) {
                            a.prefetchSecondLevel(RAX.at(r * form.xRow));
                        }
                        a.add(RAX, LINE);
                    }
                    block.addProducts(
                            tiles,
                            RBX.at(0),
                            R8,
                            TileRegister.ROWS * leftRow,
                            RCX.at(0),
                            R15,
                            panel);
                    a.add(RBX, TileRegister.ROW_BYTES);
                    a.add(RCX, TileBlock.TILE_BYTES);
                });
        a.add(RCX, (block.columns() - 1) * panel);
        block.store(tiles, R9.at(0), R15);
        for (int r = 0; r < rows; r++) {
            round(r, columns);
        }
        a.add(R14, LINE);
    }

    private void round(int row, int columns) {
        int vectors = set.vectors(columns);
        for (int i = 0; i < vectors; i++) {
            a.load(v(i), R9.at(TileBlock.offset(row, i)));
        }
        if (columns == TileBlock.ELEMENTS) {
            wide.round(v(0), v(1), v(0));
            a.store(v(0), R14.at(row * form.zRow));
            return;
        }
        for (int i = 0; i < vectors; i++) {
            long at = row * form.zRow + i * Storage.BFLOAT16.vectorBytes(set);
            Storage.BFLOAT16.store(a, v(i), R14.at(at), tail(i, columns, outputTail));
        }
    }
}

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

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.Avx512Assembler;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Register;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.TileInstructions;
import org.densenet4j.backend.cpu.asm.TileRegister;
import org.densenet4j.backend.cpu.asm.Vector;
import org.densenet4j.backend.cpu.jit.PointwiseBackwardKernel.Argument;

import java.util.ArrayList;
import java.util.List;

/**
 * {@link PointwiseBackwardKernel} of activations in bfloat16 with products of tiles (AMX), for the
 * same arguments. In a tile of rows there are
 *
 * <pre>
 * A    [pairs of rows, K]         right operand of dW, and which elements the ReLU let through
 * dZᵀ  [N, rows]                  left operand of dW
 * dZ   [rows, N]                  left operand of dA
 * W    panels [pairs of N, 16]    right operand of dA
 * </pre>
 *
 * of which rows and N are filled up to {@link TileBlock#padded} elements with zeros. Sums of
 * products leave the tiles through a few KB of memory, from where vectors add them to dW, mask them
 * and add them to G.
 */
public final class TiledPointwiseBackwardKernel extends Kernel {
    /** Most rows of a tile, which stays in a second-level cache of 2 MB, as processors have. */
    private static final int ROWS = 160;

    /** Rows that are finished or normalised at a time. */
    private static final int GROUP = 8;

    private static final Storage STORAGE = Storage.BFLOAT16;
    private static final Words WORDS = Words.BFLOAT16_PAIRS;

    private final Form form;
    private final Avx512Assembler wide;
    private final TileInstructions tiles;
    private final PairTiles pairs;
    private final PointwiseBackwardRows operands;
    private final long weightRow;
    private final long tileRow;
    private final long lineRow;
    private Tail inputTail;
    private Tail outputTail;

    /**
     * What is compiled.
     *
     * @param inputs K
     * @param outputs N
     * @param xRow bytes from row to row of X
     * @param zRow of Z
     * @param gradientRow of dT
     * @param blockRow of G
     */
    public record Form(
            int rows,
            int inputs,
            int outputs,
            long xRow,
            long zRow,
            long gradientRow,
            long blockRow) {}

    /**
     * Compiles.
     *
     * @param set that tiles come with
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public TiledPointwiseBackwardKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        this.wide = (Avx512Assembler) a;
        this.tiles = new TileInstructions(wide);
        this.pairs = new PairTiles(wide);
        this.operands =
                new PointwiseBackwardRows(
                        a, STORAGE, GROUP, form.xRow, form.zRow, form.gradientRow, form.blockRow);
        this.weightRow = (long) Float.BYTES * form.inputs;
        this.tileRow = Loops.tileRow(form.inputs);
        this.lineRow = lineRow(form.outputs);
        compile(this::whole);
    }

    // ---------------------------------------------------------------- memory

    private static long lineRow(int outputs) {
        return Loops.tileRow(WORDS.words(outputs));
    }

    private static long transposedRow() {
        return Loops.tileRow(WORDS.words(ROWS));
    }

    /** Bytes of the tile of A that a call works on. */
    public static long tileBytes(int inputs) {
        return WORDS.words(ROWS) * Loops.tileRow(inputs);
    }

    /** Bytes of the tiles of dZ that a call works on, and what sums pass through. */
    public static long gradientTileBytes(int outputs) {
        return lines(outputs) + ROWS * lineRow(outputs);
    }

    /** Sums, or pairs of dZ before they are transposed, are first in the tiles of dZ. */
    private static long transposed() {
        return TileBlock.BYTES;
    }

    private static long lines(int outputs) {
        return transposed() + TileBlock.padded(outputs) * transposedRow();
    }

    // ---------------------------------------------------------------- code

    /** Runs, with the arguments of {@link PointwiseBackwardKernel.Argument}. */
    public void run(Arguments arguments) {
        call(arguments);
    }

    private void whole() {
        tiles.configure();
        inputTail = a.tail(form.inputs);
        outputTail = a.tail(form.outputs);
        a.set(RSI, TileRegister.ROW_BYTES);
        int blocks = Math.ceilDiv(form.rows, TileBlock.ELEMENTS);
        int tileRows = Loops.evenBlock(blocks, ROWS / TileBlock.ELEMENTS) * TileBlock.ELEMENTS;
        fillLines(Math.min(tileRows, form.rows));
        Loops.inBlocks(a, form.rows, tileRows, R15, this::tile);
        tiles.release();
    }

    /** Zeros behind the last vector of each row of dZ, where a step of a product takes one more. */
    private void fillLines(int rows) {
        int vectors = set.vectors(form.outputs);
        if (vectors % 2 == 0) {
            return;
        }
        a.zero(v(0));
        a.load(RCX, argument(Argument.GRADIENT_TILE));
        a.add(RCX, lines(form.outputs));
        a.repeat(
                rows,
                R12,
                () -> {
                    long at = vectors * STORAGE.vectorBytes(set);
                    wide.storeLowerHalf(v(0), RCX.at(at), Tail.WHOLE);
                    a.add(RCX, lineRow);
                });
    }

    private void tile(int rows) {
        finishGradient(rows);
        normalise(rows);
        weightGradient(rows);
        inputGradient(rows);
        operands.advance(rows);
    }

    // ---------------------------------------------------------------- dZ

    private void finishGradient(int rows) {
        pairs.begin();
        a.load(RAX, argument(Argument.GRADIENT));
        a.load(RBX, argument(Argument.Z));
        a.load(R14, argument(Argument.GRADIENT_TILE));
        a.addressOf(RCX, R14.at(transposed()));
        a.addressOf(RDX, R14.at(lines(form.outputs)));
        Loops.inBlocks(
                a,
                rows,
                TileBlock.ELEMENTS,
                R12,
                count -> {
                    a.load(R8, argument(Argument.FACTOR));
                    a.load(R9, argument(Argument.CONSTANT));
                    a.load(R10, argument(Argument.SLOPE));
                    a.load(R11, argument(Argument.Z_MEAN));
                    int vectors = set.vectors(form.outputs);
                    long stored = STORAGE.vectorBytes(set);
                    Loops.forEachVector(
                            a,
                            form.outputs,
                            outputTail,
                            R13,
                            some -> {
                                finishGradient(count, some);
                                for (Register r : new Register[] {R8, R9, R10, R11}) {
                                    a.add(r, set.vectorBytes());
                                }
                                for (Register r : new Register[] {RAX, RBX, RDX}) {
                                    a.add(r, stored);
                                }
                                a.add(RCX, set.floats() * transposedRow());
                            },
                            () -> {});
                    a.add(RAX, count * form.gradientRow - vectors * stored);
                    a.add(RBX, count * form.zRow - vectors * stored);
                    a.add(RDX, count * lineRow - vectors * stored);
                    a.add(RCX, TileRegister.ROW_BYTES - vectors * set.floats() * transposedRow());
                });
    }

    /** A vector of dZ of up to 32 rows: to RDX as it is, to RCX transposed. */
    private void finishGradient(int rows, Tail some) {
        operands.loadConstants(0, some);
        for (int first = 0; first < TileBlock.ELEMENTS; first += GROUP) {
            int count = Math.min(GROUP, rows - first);
            operands.finishGradient(first, count, 0, some);
            Address at = R14.at((long) first / 2 * set.vectorBytes());
            if (count > 0) {
                pairs.round(count);
                pairs.storeLines(count, RDX.at(first * lineRow), lineRow);
                pairs.storePairs(count, at, set.vectorBytes());
            }
            fillPairs(Math.max(0, count), GROUP, at, set.vectorBytes());
        }
        WordTransposition.emit(wide, R14.at(0), set.vectorBytes(), RCX.at(0), transposedRow());
    }

    /** Pairs of zeros behind {@code rows} rows, up to {@code end}. Overwrites vector 0. */
    private void fillPairs(int rows, int end, Address to, long row) {
        a.zero(v(0));
        for (int p = WORDS.words(rows); p < WORDS.words(end); p++) {
            a.store(v(0), to.plus(p * row));
        }
    }

    // ---------------------------------------------------------------- A

    private void normalise(int rows) {
        pairs.begin();
        a.load(R8, argument(Argument.X));
        a.load(R9, argument(Argument.TILE));
        Loops.inBlocks(
                a,
                rows,
                GROUP,
                R13,
                count -> {
                    a.copy(RAX, R8);
                    a.copy(RBX, R9);
                    a.load(RCX, argument(Argument.SCALE));
                    a.load(RDX, argument(Argument.SHIFT));
                    NormaliseRelu.emit(
                            a,
                            STORAGE,
                            count,
                            form.inputs,
                            inputTail,
                            form.xRow,
                            set.vectorBytes(),
                            () -> {
                                pairs.round(count);
                                pairs.storePairs(count, RBX.at(0), tileRow);
                            });
                    a.add(R8, count * form.xRow);
                    a.add(R9, WORDS.words(count) * tileRow);
                });
        int missing = WORDS.words(TileBlock.padded(rows)) - WORDS.words(rows);
        a.zero(v(0));
        a.repeat(
                missing,
                R13,
                () -> {
                    for (int i = 0; i < set.vectors(form.inputs); i++) {
                        a.store(v(0), R9.at((long) i * set.vectorBytes()));
                    }
                    a.add(R9, tileRow);
                });
    }

    // ---------------------------------------------------------------- column blocks

    /** The code of a block of columns of K. */
    private interface ColumnBlockCode {
        void emit(int columns);
    }

    /** Runs {@code body} for 32 columns after the other, with the stored offset in R11. */
    private void forColumnBlocks(ColumnBlockCode body) {
        a.set(R11, 0);
        Loops.inBlocks(
                a,
                form.inputs,
                TileBlock.ELEMENTS,
                R12,
                columns -> {
                    body.emit(columns);
                    a.add(R11, 2 * STORAGE.vectorBytes(set));
                });
    }

    /** The elements of a vector in a block of so many columns. */
    private Tail inputTail(int vector, int columns) {
        return tail(vector, columns, inputTail);
    }

    // ---------------------------------------------------------------- dW

    private void weightGradient(int rows) {
        a.set(R9, transposedRow());
        a.set(R14, tileRow);
        forColumnBlocks(
                columns -> {
                    operands.loadColumn(RDX, Argument.WEIGHT_SUMS);
                    operands.loadColumn(R8, Argument.TILE);
                    a.load(R10, argument(Argument.GRADIENT_TILE));
                    a.addressOf(RCX, R10.at(transposed()));
                    Loops.inBlocks(
                            a,
                            form.outputs,
                            TileBlock.ELEMENTS,
                            R13,
                            outputs -> weightBlock(rows, outputs, columns));
                });
    }

    /** Adds to some rows and columns of dW, and on to the next rows. */
    private void weightBlock(int rows, int outputs, int columns) {
        TileBlock block = TileBlock.of(outputs, columns);
        block.zero(tiles);
        a.copy(RAX, RCX);
        a.copy(RBX, R8);
        a.repeat(
                TileBlock.padded(rows) / TileBlock.ELEMENTS,
                RBP,
                () -> {
                    block.addProducts(
                            tiles,
                            RAX.at(0),
                            R9,
                            TileRegister.ROWS * transposedRow(),
                            RBX.at(0),
                            R14,
                            set.vectorBytes());
                    a.add(RAX, TileRegister.ROW_BYTES);
                    a.add(RBX, TileRegister.ROWS * tileRow);
                });
        block.store(tiles, R10.at(0), RSI);
        for (int r = 0; r < outputs; r++) {
            for (int i = 0; i < set.vectors(columns); i++) {
                Vector sum = v(i);
                Address to = RDX.at(r * weightRow + (long) i * set.vectorBytes());
                Tail some = inputTail(i, columns);
                a.load(sum, to, some);
                a.add(sum, sum, R10.at(TileBlock.offset(r, i)));
                a.store(sum, to, some);
            }
        }
        a.add(RCX, TileBlock.ELEMENTS * transposedRow());
        a.add(RDX, TileBlock.ELEMENTS * weightRow);
    }

    // ---------------------------------------------------------------- dA

    private void inputGradient(int rows) {
        pairs.beginSigns();
        a.set(R14, lineRow);
        a.load(RBX, argument(Argument.GRADIENT_TILE));
        a.load(RAX, argument(Argument.WEIGHTS));
        a.store(RAX, argument(Argument.PANEL));
        TilePanels panels = new TilePanels(form.outputs, form.inputs);
        forColumnBlocks(
                columns -> {
                    a.load(R8, argument(Argument.PANEL));
                    operands.loadStoredColumn(RDX, Argument.X);
                    operands.loadColumn(R9, Argument.TILE);
                    operands.loadStoredColumn(R10, Argument.BLOCK_GRADIENT);
                    a.addressOf(RCX, RBX.at(lines(form.outputs)));
                    inputBlocks(rows, columns);
                    Loops.advance(a, Argument.PANEL, TileBlock.SIDE * panels.panelBytes());
                });
    }

    /** dA of some columns: while one block of rows is accumulated, the next is multiplied. */
    private void inputBlocks(int rows, int columns) {
        int most = TileBlock.ELEMENTS;
        int first = Math.min(rows, most);
        TileBlock block = TileBlock.of(first, columns);
        block.zero(tiles);
        inputProducts(block, 0).forEach(Runnable::run);
        block.store(tiles, RBX.at(0), RSI);
        a.repeat(rows / most - 1, R13, () -> inputBlock(most, most, columns, rows));
        int last = rows % most;
        if (last > 0 && rows > most) {
            inputBlock(most, last, columns, rows);
        }
        inputBlock(last > 0 ? last : most, 0, columns, rows);
    }

    /** The products of a block of dA, for the rows of dZ from RCX plus a distance on. */
    private List<Runnable> inputProducts(TileBlock block, long distance) {
        long panel = new TilePanels(form.outputs, form.inputs).panelBytes();
        List<Runnable> code = new ArrayList<>();
        for (int step = 0; step < TileBlock.padded(form.outputs) / TileBlock.ELEMENTS; step++) {
            code.addAll(
                    block.products(
                            tiles,
                            RCX.at(distance + (long) step * TileRegister.ROW_BYTES),
                            R14,
                            TileRegister.ROWS * lineRow,
                            R8.at(step * TileBlock.TILE_BYTES),
                            RSI,
                            panel));
        }
        return code;
    }

    /**
     * Accumulates dA of some rows and columns, and fetches what these are in the next tile.
     *
     * @param next rows that are multiplied meanwhile; 0 for none
     */
    private void inputBlock(int rows, int next, int columns, int tileRows) {
        TileBlock block = TileBlock.of(next, columns);
        block.zero(tiles);
        List<Runnable> products = inputProducts(block, rows * lineRow);
        int vectors = set.vectors(columns);
        for (int i = 0; i < vectors; i++) {
            int from = products.size() * i / vectors;
            int to = products.size() * (i + 1) / vectors;
            accumulate(rows, i, inputTail(i, columns), tileRows, products.subList(from, to));
        }
        block.store(tiles, RBX.at(0), RSI);
        a.add(RCX, rows * lineRow);
        a.add(RDX, rows * form.xRow);
        a.add(R9, WORDS.words(rows) * tileRow);
        a.add(R10, rows * form.blockRow);
    }

    /**
     * Takes the sums of a vector of dA and adds it to the block's gradient.
     *
     * @param meanwhile code that is written between that of the rows
     */
    private void accumulate(
            int rows, int vector, Tail some, int tileRows, List<Runnable> meanwhile) {
        Vector sum = v(0);
        Vector product = v(1);
        Vector mean = v(2);
        Vector weight = v(3);
        long column = (long) vector * set.vectorBytes();
        long stored = vector * STORAGE.vectorBytes(set);
        Argument[] names = {Argument.SUMS, Argument.PRODUCTS, Argument.MEAN, Argument.WEIGHT};
        Vector[] channels = {sum, product, mean, weight};
        for (int i = 0; i < names.length; i++) {
            operands.loadColumn(RAX, names[i]);
            a.load(channels[i], RAX.at(column), some);
        }
        for (int r = 0; r < rows; r++) {
            Vector d = v(4 + r % 4);
            Vector x = v(8 + r % 4);
            Vector g = v(12 + r % 4);
            Vector signs = v(16 + r / 2 % 2);
            if (vector == 0) {
                a.prefetchSecondLevel(RDX.at((tileRows + r) * form.xRow));
                a.prefetchSecondLevel(R10.at((tileRows + r) * form.blockRow));
            }
            if (r % 2 == 0) {
                a.load(signs, R9.at(r / 2 * tileRow + column));
            }
            pairs.loadWherePositive(d, RBX.at(TileBlock.offset(r, vector)), r, signs);
            Address gradient = R10.at(r * form.blockRow + stored);
            STORAGE.load(a, x, RDX.at(r * form.xRow + stored), some);
            STORAGE.load(a, g, gradient, some);
            a.subtract(x, x, mean);
            a.addProduct(g, weight, d);
            a.add(sum, sum, d);
            a.addProduct(product, x, d);
            STORAGE.store(a, g, gradient, some);
            int from = meanwhile.size() * r / rows;
            meanwhile.subList(from, meanwhile.size() * (r + 1) / rows).forEach(Runnable::run);
        }
        operands.loadColumn(RAX, Argument.SUMS);
        a.store(sum, RAX.at(column), some);
        operands.loadColumn(RAX, Argument.PRODUCTS);
        a.store(product, RAX.at(column), some);
    }
}

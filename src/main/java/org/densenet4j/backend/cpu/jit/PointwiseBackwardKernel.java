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
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

import java.util.Arrays;

/**
 * The gradient of {@link PointwiseForwardKernel}, in one pass over X and its gradient G:
 *
 * <pre>
 * dZ = a·dT + b + c·(Z − mean2)          the finished gradient of Z
 * A  = relu(bn(X))                       again
 * dW += dZᵀ·A                            [N, K]
 * dA = dZ·W  where A &gt; 0
 * sums += Σ dA,  products += Σ dA·(X − mean1)
 * G += weight·dA
 * </pre>
 *
 * In bfloat16 products are of pairs (see {@link Storage}): A and dZ are kept as pairs of rows for
 * dW, and dZ also as it is, in pairs of columns, for dA.
 *
 * <p>For tiles of about 64 rows of words, which stay in the second-level cache; meanwhile the next
 * tile's operands are fetched there, and those of the next few rows and sums into the first-level
 * cache. Moves dT, Z and X once and G twice; everything else stays at the core.
 */
public final class PointwiseBackwardKernel extends Kernel {
    /**
     * Addresses.
     *
     * <ul>
     *   <li>{@code WEIGHTS}: W as panels [words of N, up to three vectors of columns]; see {@link
     *       #panelColumns}
     *   <li>{@code SUMS} of dA and {@code PRODUCTS} of dA and x: added to
     *   <li>{@code PANEL}: set by the kernel itself
     * </ul>
     */
    public enum Argument {
        GRADIENT,
        Z,
        FACTOR,
        CONSTANT,
        SLOPE,
        Z_MEAN,
        X,
        SCALE,
        SHIFT,
        MEAN,
        WEIGHT,
        WEIGHTS,
        WEIGHT_SUMS,
        BLOCK_GRADIENT,
        SUMS,
        PRODUCTS,
        TILE,
        GRADIENT_TILE,
        PANEL
    }

    /**
     * Most rows of a tile of float32, a multiple of {@link #blockRows}; twice as many take the same
     * memory in bfloat16.
     */
    private static final int WORD_ROWS = 72;

    /** Vectors of a block of columns. */
    private static final int BLOCK = 3;

    private static final int LINE = 64;

    private final Form form;
    private final int blockRows;
    private final PointwiseBackwardRows operands;
    private final PairTiles pairs;
    private final long weightRow;
    private final long tileRow;
    private final long gradientTileRow;
    private final long gradientLineRow;
    private Tail inputTail;
    private Tail outputTail;

    /**
     * What is compiled.
     *
     * @param storage of all matrices
     * @param form.inputs K
     * @param form.outputs N
     * @param form.xRow bytes from row to row of X
     * @param form.zRow of Z
     * @param form.gradientRow of dT
     * @param form.blockRow of G
     */
    public record Form(
            Storage storage,
            Words words,
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
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public PointwiseBackwardKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        this.blockRows = blockRows(set);
        this.operands =
                new PointwiseBackwardRows(
                        a,
                        form.storage,
                        blockRows,
                        form.xRow,
                        form.zRow,
                        form.gradientRow,
                        form.blockRow);
        this.pairs = a instanceof Avx512Assembler wide ? new PairTiles(wide) : null;
        this.weightRow = (long) Float.BYTES * form.inputs;
        this.tileRow = Loops.tileRow(form.inputs);
        this.gradientTileRow = Loops.tileRow(form.outputs);
        this.gradientLineRow = Loops.tileRow(form.words.words(form.outputs));
        compile(this::whole);
    }

    /** Rows of a block, whose sums over three vectors of columns fill the registers. */
    private static int blockRows(InstructionSet set) {
        return SumBlock.most(set) / BLOCK;
    }

    /**
     * Columns of each panel of the weights, the last padded to a whole vector: three vectors, and
     * what is left in one or two, because the sums of a single vector do not keep the core busy.
     */
    public static int[] panelColumns(InstructionSet set, int inputs) {
        int vectors = set.vectors(inputs);
        int[] rest = restBlocks(vectors);
        int[] columns = new int[wholeBlocks(vectors) + rest.length];
        Arrays.fill(columns, BLOCK * set.floats());
        for (int i = 0; i < rest.length; i++) {
            columns[columns.length - rest.length + i] = rest[i] * set.floats();
        }
        columns[columns.length - 1] -= vectors * set.floats() - inputs;
        return columns;
    }

    private static int wholeBlocks(int vectors) {
        return vectors > BLOCK && vectors % BLOCK == 1 ? vectors / BLOCK - 1 : vectors / BLOCK;
    }

    /** Vectors of the blocks behind those of {@link #BLOCK}. */
    private static int[] restBlocks(int vectors) {
        int rest = vectors - BLOCK * wholeBlocks(vectors);
        return switch (rest) {
            case 0 -> new int[0];
            case 4 -> new int[] {2, 2};
            default -> new int[] {rest};
        };
    }

    /** Bytes from row to row of a panel with so many columns: whole vectors. */
    public static long panelRow(InstructionSet set, int columns) {
        return (long) set.vectors(columns) * set.vectorBytes();
    }

    /** Floats of all panels of the weights; a last panel ends with whole vectors. */
    public static long panelFloats(InstructionSet set, Words words, int inputs, int outputs) {
        return (long) words.words(outputs) * set.vectors(inputs) * set.floats();
    }

    /** Bytes of the tile of A that a call works on. */
    public static long tileBytes(int inputs) {
        return WORD_ROWS * Loops.tileRow(inputs);
    }

    /** Bytes of the tile of dZ that a call works on. */
    public static long gradientTileBytes(Words words, int outputs) {
        long lines = rows(words) * Loops.tileRow(words.words(outputs));
        return words == Words.FLOATS ? lines : pairBytes(outputs) + lines;
    }

    private static int rows(Words words) {
        return WORD_ROWS * words.elements();
    }

    /** Bytes of a tile's pairs of dZ. */
    private static long pairBytes(int outputs) {
        return WORD_ROWS * Loops.tileRow(outputs);
    }

    /** Where in the tile of dZ its rows are, for products along them. */
    private long lines() {
        return form.words == Words.FLOATS ? 0 : pairBytes(form.outputs);
    }

    /** Runs. */
    public void run(Arguments arguments) {
        call(arguments);
    }

    private void whole() {
        inputTail = a.tail(form.inputs);
        outputTail = a.tail(form.outputs);
        // A short tile would read and write all of dW for few products.
        int blocks = Math.ceilDiv(form.rows, blockRows);
        int tileBlocks = Loops.evenBlock(blocks, rows(form.words) / blockRows);
        int first = Math.min(form.rows, tileBlocks * blockRows);
        tile(first, true);
        Loops.inBlocks(a, form.rows - first, first, R15, count -> tile(count, false));
    }

    /**
     * All of some rows.
     *
     * @param first nothing has been fetched for this tile
     */
    private void tile(int rows, boolean first) {
        finishGradient(rows);
        normalise(rows, first);
        weightGradient(rows);
        inputGradient(rows);
        operands.advance(rows);
    }

    // ---------------------------------------------------------------- dZ and A

    /** Pairs of bfloat16 need constants. */
    private void beginPairs() {
        if (form.words == Words.BFLOAT16_PAIRS) {
            pairs.begin();
        }
    }

    private void finishGradient(int rows) {
        beginPairs();
        a.load(R8, argument(Argument.FACTOR));
        a.load(R9, argument(Argument.CONSTANT));
        a.load(R10, argument(Argument.SLOPE));
        a.load(R11, argument(Argument.Z_MEAN));
        a.load(RAX, argument(Argument.GRADIENT));
        a.load(RBX, argument(Argument.Z));
        a.load(RCX, argument(Argument.GRADIENT_TILE));
        a.addressOf(RDX, RCX.at(lines()));
        Loops.inBlocks(
                a,
                rows,
                blockRows,
                R12,
                count -> {
                    for (int v = 0; v < set.vectors(form.outputs); v++) {
                        finishGradient(count, v);
                    }
                    a.add(RAX, count * form.gradientRow);
                    a.add(RBX, count * form.zRow);
                    a.add(RCX, form.words.words(count) * gradientTileRow);
                    a.add(RDX, count * gradientLineRow);
                });
    }

    /** A vector of dZ of some rows. */
    private void finishGradient(int rows, int vector) {
        Tail some = tail(vector, form.outputs, outputTail);
        long column = (long) vector * set.vectorBytes();
        long stored = vector * form.storage.vectorBytes(set);
        operands.loadConstants(column, some);
        operands.finishGradient(0, rows, stored, some);
        storeGradient(rows, column, stored);
    }

    /** A vector of dZ of some rows: to RCX in words of rows, to RDX in words of columns. */
    private void storeGradient(int rows, long column, long stored) {
        if (form.words == Words.FLOATS) {
            storeRows(rows, RCX.at(column), gradientTileRow);
        } else {
            pairs.round(rows);
            pairs.storeLines(rows, RDX.at(stored), gradientLineRow);
            pairs.storePairs(rows, RCX.at(column), gradientTileRow);
        }
    }

    private void storeRows(int rows, Address to, long row) {
        for (int r = 0; r < rows; r++) {
            a.store(v(r), to.plus(r * row));
        }
    }

    private void normalise(int rows, boolean fetches) {
        beginPairs();
        a.load(R8, argument(Argument.X));
        a.load(R9, argument(Argument.TILE));
        a.load(R10, argument(Argument.BLOCK_GRADIENT));
        Loops.inBlocks(
                a,
                rows,
                blockRows,
                R13,
                count -> {
                    a.copy(RAX, R8);
                    a.copy(RBX, R9);
                    a.load(RCX, argument(Argument.SCALE));
                    a.load(RDX, argument(Argument.SHIFT));
                    NormaliseRelu.emit(
                            a,
                            form.storage,
                            count,
                            form.inputs,
                            inputTail,
                            form.xRow,
                            set.vectorBytes(),
                            () -> {
                                storeNormalised(count);
                                if (fetches) {
                                    fetchGradient(count);
                                }
                            });
                    if (fetches) {
                        long fetched = set.vectors(form.inputs) * form.storage.vectorBytes(set);
                        a.add(R10, count * form.blockRow - fetched);
                    }
                    a.add(R8, count * form.xRow);
                    a.add(R9, form.words.words(count) * tileRow);
                });
    }

    /** A vector of some rows of G, and on to the next. */
    private void fetchGradient(int rows) {
        for (int r = 0; r < rows; r++) {
            a.prefetchSecondLevel(R10.at(r * form.blockRow));
        }
        a.add(R10, form.storage.vectorBytes(set));
    }

    private void storeNormalised(int rows) {
        if (form.words == Words.FLOATS) {
            storeRows(rows, RBX.at(0), tileRow);
        } else {
            pairs.round(rows);
            pairs.storePairs(rows, RBX.at(0), tileRow);
        }
    }

    // ---------------------------------------------------------------- column blocks

    /** The code of a block of columns. */
    private interface ColumnBlockCode {
        /**
         * @param vectors of the block
         * @param last the last vector is partial
         */
        void emit(int vectors, boolean last);
    }

    /**
     * Runs {@code body} for every block of columns of K, with the stored offset of the first in
     * R11.
     */
    private void forColumnBlocks(ColumnBlockCode body) {
        int[] rest = restBlocks(set.vectors(form.inputs));
        boolean partial = form.inputs % set.floats() > 0;
        int loops = wholeBlocks(set.vectors(form.inputs));
        if (rest.length == 0 && partial) {
            loops--;
            rest = new int[] {BLOCK};
        }
        a.set(R11, 0);
        a.repeat(
                loops,
                R12,
                () -> {
                    body.emit(BLOCK, false);
                    a.add(R11, BLOCK * form.storage.vectorBytes(set));
                });
        for (int i = 0; i < rest.length; i++) {
            body.emit(rest[i], partial && i == rest.length - 1);
            a.add(R11, rest[i] * form.storage.vectorBytes(set));
        }
    }

    private Tail tail(int vector, int vectors, boolean last) {
        return last && vector == vectors - 1 ? inputTail : Tail.WHOLE;
    }

    // ---------------------------------------------------------------- dW

    private void weightGradient(int rows) {
        forColumnBlocks(
                (vectors, last) -> {
                    operands.loadColumn(RDX, Argument.WEIGHT_SUMS);
                    operands.loadColumn(R8, Argument.TILE);
                    a.load(RCX, argument(Argument.GRADIENT_TILE));
                    int lines = Loops.lines(vectors * form.storage.vectorBytes(set));
                    int fetching = Math.min(lines, form.outputs / blockRows / 2);
                    int plain = form.outputs / blockRows - 2 * fetching;
                    operands.loadStoredColumn(R10, Argument.X);
                    a.add(R10, rows * form.xRow);
                    a.repeat(
                            fetching,
                            R13,
                            () -> {
                                weightBlock(rows, blockRows, vectors, last, form.xRow);
                                a.add(R10, LINE);
                            });
                    operands.loadStoredColumn(R10, Argument.BLOCK_GRADIENT);
                    a.add(R10, rows * form.blockRow);
                    a.repeat(
                            fetching,
                            R13,
                            () -> {
                                weightBlock(rows, blockRows, vectors, last, form.blockRow);
                                a.add(R10, LINE);
                            });
                    a.repeat(plain, R13, () -> weightBlock(rows, blockRows, vectors, last, 0));
                    if (form.outputs % blockRows > 0) {
                        weightBlock(rows, form.outputs % blockRows, vectors, last, 0);
                    }
                });
    }

    /** Sums of some rows of dW over the tile; fetches a column of lines from R10 on. */
    private void weightBlock(int rows, int blockRows, int vectors, boolean last, long fetchRow) {
        SumBlock block = new SumBlock(blockRows, vectors);
        for (int i = 0; i < blockRows; i++) {
            for (int v = 0; v < vectors; v++) {
                a.load(block.sum(i, v), weightSum(i, v), tail(v, vectors, last));
            }
        }
        // The next block's sums.
        for (int i = 0; i < blockRows; i++) {
            int row = blockRows + i;
            Loops.forEachLine(
                    (long) vectors * set.vectorBytes(),
                    at -> a.prefetchForWriting(RDX.at(row * weightRow + at)));
        }
        a.copy(RAX, RCX);
        a.copy(R9, R8);
        a.copy(RBX, R10);
        int perWord = form.words.elements();
        Loops.inBlocks(
                a,
                form.words.words(rows),
                4,
                RBP,
                count -> {
                    for (int r = 0; r < count; r++) {
                        for (int i = 0; fetchRow > 0 && i < perWord; i++) {
                            a.prefetchSecondLevel(RBX.at((perWord * r + i) * fetchRow));
                        }
                        block.addProducts(
                                a,
                                form.words,
                                RAX.at(r * gradientTileRow),
                                Float.BYTES,
                                R9.at(r * tileRow));
                    }
                    a.add(RAX, count * gradientTileRow);
                    a.add(R9, count * tileRow);
                    if (fetchRow > 0) {
                        a.add(RBX, perWord * count * fetchRow);
                    }
                });
        for (int i = 0; i < blockRows; i++) {
            for (int v = 0; v < vectors; v++) {
                a.store(block.sum(i, v), weightSum(i, v), tail(v, vectors, last));
            }
        }
        a.add(RCX, (long) Float.BYTES * blockRows);
        a.add(RDX, blockRows * weightRow);
    }

    private Address weightSum(int row, int vector) {
        return RDX.at(row * weightRow + (long) vector * set.vectorBytes());
    }

    // ---------------------------------------------------------------- dA

    private void inputGradient(int rows) {
        a.load(R14, argument(Argument.GRADIENT));
        a.add(R14, rows * form.gradientRow);
        a.load(RSI, argument(Argument.Z));
        a.add(RSI, rows * form.zRow);
        int blocks = Math.ceilDiv(rows, blockRows) * Math.ceilDiv(set.vectors(form.inputs), BLOCK);
        int fetches = Math.ceilDiv(rows * (int) form.zRow / LINE, blocks);
        a.load(RAX, argument(Argument.WEIGHTS));
        a.store(RAX, argument(Argument.PANEL));
        forColumnBlocks(
                (vectors, last) -> {
                    a.load(R8, argument(Argument.PANEL));
                    operands.loadStoredColumn(RDX, Argument.X);
                    operands.loadColumn(R9, Argument.TILE);
                    operands.loadStoredColumn(R10, Argument.BLOCK_GRADIENT);
                    a.load(RCX, argument(Argument.GRADIENT_TILE));
                    a.add(RCX, lines());
                    Loops.inBlocks(
                            a,
                            rows,
                            blockRows,
                            R13,
                            count -> inputBlock(count, vectors, last, fetches));
                    long panelRow = (long) vectors * set.vectorBytes();
                    Loops.advance(a, Argument.PANEL, form.words.words(form.outputs) * panelRow);
                });
    }

    /** dA of some rows and columns; fetches so many lines of the next tile's dT and Z. */
    private void inputBlock(int rows, int vectors, boolean last, int fetches) {
        for (int i = 0; i < fetches; i++) {
            a.prefetchSecondLevel(R14.at((long) i * LINE));
            a.prefetchSecondLevel(RSI.at((long) i * LINE));
        }
        a.add(R14, (long) fetches * LINE);
        a.add(RSI, (long) fetches * LINE);
        SumBlock block = new SumBlock(rows, vectors);
        block.zero(a);
        fetchBlock(rows, vectors);
        a.copy(RAX, RCX);
        a.copy(RBX, R8);
        long panelRow = (long) vectors * set.vectorBytes();
        Loops.inBlocks(
                a,
                form.words.words(form.outputs),
                8,
                RBP,
                count -> {
                    for (int i = 0; i < count; i++) {
                        block.addProducts(
                                a,
                                form.words,
                                RAX.at((long) i * Float.BYTES),
                                gradientLineRow,
                                RBX.at(i * panelRow));
                    }
                    a.add(RAX, (long) count * Float.BYTES);
                    a.add(RBX, count * panelRow);
                });
        for (int v = 0; v < vectors; v++) {
            mask(block, v);
        }
        for (int v = 0; v < vectors; v++) {
            accumulate(block, v, tail(v, vectors, last));
        }
        a.add(RCX, rows * gradientLineRow);
        a.add(RDX, rows * form.xRow);
        a.add(R9, form.words.words(rows) * tileRow);
        a.add(R10, rows * form.blockRow);
    }

    /** Brings to the first-level cache what {@link #accumulate} reads. */
    private void fetchBlock(int rows, int vectors) {
        long bytes = vectors * form.storage.vectorBytes(set);
        for (int r = 0; r < rows; r++) {
            long x = r * form.xRow;
            long block = r * form.blockRow;
            Loops.forEachLine(bytes, at -> a.prefetch(RDX.at(x + at)));
            Loops.forEachLine(bytes, at -> a.prefetchForWriting(R10.at(block + at)));
        }
        for (int r = 0; r < form.words.words(rows); r++) {
            for (int v = 0; v < vectors; v++) {
                a.prefetch(R9.at(r * tileRow + v * set.vectorBytes()));
            }
        }
    }

    /** Zeros in dA where the ReLU let nothing through. */
    private void mask(SumBlock block, int vector) {
        long column = (long) vector * set.vectorBytes();
        if (form.words == Words.BFLOAT16_PAIRS) {
            pairs.beginSigns();
        }
        for (int r = 0; r < block.rows(); r++) {
            Vector d = block.sum(r, vector);
            if (form.words == Words.BFLOAT16_PAIRS) {
                pairs.keepWherePositive(d, r, R9.at(r / 2 * tileRow + column));
            } else {
                a.zero(a.scratch());
                a.keepWherePositive(d, R9.at(r * tileRow + column), a.scratch());
            }
        }
    }

    /** Takes the sums of dA and adds it to the block's gradient. */
    private void accumulate(SumBlock block, int vector, Tail some) {
        int free = SumBlock.firstFree(set);
        Vector sum = v(free);
        Vector channel = v(free + 1);
        Vector element = v(free + 2);
        long column = (long) vector * set.vectorBytes();
        long stored = vector * form.storage.vectorBytes(set);
        operands.loadColumn(RAX, Argument.SUMS);
        a.load(sum, RAX.at(column), some);
        for (int r = 0; r < block.rows(); r++) {
            a.add(sum, sum, block.sum(r, vector));
        }
        a.store(sum, RAX.at(column), some);
        operands.loadColumn(RAX, Argument.MEAN);
        a.load(channel, RAX.at(column), some);
        operands.loadColumn(RAX, Argument.PRODUCTS);
        a.load(sum, RAX.at(column), some);
        for (int r = 0; r < block.rows(); r++) {
            form.storage.load(a, element, RDX.at(r * form.xRow + stored), some);
            a.subtract(element, element, channel);
            a.addProduct(sum, element, block.sum(r, vector));
        }
        a.store(sum, RAX.at(column), some);
        operands.loadColumn(RAX, Argument.WEIGHT);
        a.load(channel, RAX.at(column), some);
        for (int r = 0; r < block.rows(); r++) {
            Address gradient = R10.at(r * form.blockRow + stored);
            form.storage.load(a, element, gradient, some);
            a.addProduct(element, channel, block.sum(r, vector));
            form.storage.store(a, element, gradient, some);
        }
    }
}

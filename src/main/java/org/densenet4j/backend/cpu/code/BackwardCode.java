package org.densenet4j.backend.cpu.code;

import static org.densenet4j.backend.cpu.code.Register.R10;
import static org.densenet4j.backend.cpu.code.Register.R11;
import static org.densenet4j.backend.cpu.code.Register.R12;
import static org.densenet4j.backend.cpu.code.Register.R13;
import static org.densenet4j.backend.cpu.code.Register.R14;
import static org.densenet4j.backend.cpu.code.Register.R15;
import static org.densenet4j.backend.cpu.code.Register.R8;
import static org.densenet4j.backend.cpu.code.Register.R9;
import static org.densenet4j.backend.cpu.code.Register.RAX;
import static org.densenet4j.backend.cpu.code.Register.RBP;
import static org.densenet4j.backend.cpu.code.Register.RBX;
import static org.densenet4j.backend.cpu.code.Register.RCX;
import static org.densenet4j.backend.cpu.code.Register.RDI;
import static org.densenet4j.backend.cpu.code.Register.RDX;
import static org.densenet4j.backend.cpu.code.Register.RSI;
import static org.densenet4j.backend.cpu.code.Zmm.zmm;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.IntConsumer;

/**
 * The gradient of {@link ForwardCode}, in one pass over X and its gradient G:
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
public final class BackwardCode implements AutoCloseable {
    private static final int GRADIENT = 0;
    private static final int Z = 8;
    private static final int FACTOR = 16;
    private static final int CONSTANT = 24;
    private static final int SLOPE = 32;
    private static final int Z_MEAN = 40;
    private static final int X = 48;
    private static final int SCALE = 56;
    private static final int SHIFT = 64;
    private static final int MEAN = 72;
    private static final int WEIGHT = 80;
    private static final int WEIGHTS = 88;
    private static final int WEIGHT_SUMS = 96;
    private static final int BLOCK_GRADIENT = 104;
    private static final int SUMS = 112;
    private static final int PRODUCTS = 120;
    private static final int TILE = 128;
    private static final int GRADIENT_TILE = 136;
    private static final int PANEL = 144;

    /** Bytes of arguments. */
    public static final int ARGUMENTS = 152;

    /**
     * Most rows of a tile of float32, a multiple of {@link #BLOCK_ROWS}; twice as many take the
     * same memory in bfloat16.
     */
    private static final int WORD_ROWS = 72;

    private static final int BLOCK_ROWS = 8;
    private static final int BLOCK = 3;

    private final Assembler a = new Assembler();
    private final Storage storage;
    private final PairTiles pairs;
    private final int inputs;
    private final int outputs;
    private final long xRow;
    private final long zRow;
    private final long gradientRow;
    private final long blockRow;
    private final long weightRow;
    private final long tileRow;
    private final long gradientTileRow;
    private final long gradientLineRow;
    private final NativeCode code;

    /**
     * Compiles.
     *
     * @param xRow bytes from row to row of X, and so on
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public BackwardCode(
            Storage storage,
            int rows,
            int inputs,
            int outputs,
            long xRow,
            long zRow,
            long gradientRow,
            long blockRow) {
        this.storage = storage;
        this.pairs = new PairTiles(a);
        this.inputs = inputs;
        this.outputs = outputs;
        this.xRow = xRow;
        this.zRow = zRow;
        this.gradientRow = gradientRow;
        this.blockRow = blockRow;
        this.weightRow = 4L * inputs;
        this.tileRow = RowPasses.tileRow(inputs);
        this.gradientTileRow = RowPasses.tileRow(outputs);
        this.gradientLineRow = RowPasses.tileRow(storage.words(outputs));
        this.code = new NativeCode(whole(rows));
    }

    /**
     * Columns of each panel of the weights, the last padded to a whole vector: 48, and what is left
     * in one or two, because eight sums of a single vector do not keep the core busy.
     */
    public static int[] panelColumns(int inputs) {
        int vectors = RowPasses.vectors(inputs);
        int[] rest = restBlocks(vectors);
        int[] columns = new int[wholeBlocks(vectors) + rest.length];
        Arrays.fill(columns, BLOCK * Zmm.FLOATS);
        for (int i = 0; i < rest.length; i++) {
            columns[columns.length - rest.length + i] = rest[i] * Zmm.FLOATS;
        }
        columns[columns.length - 1] -= vectors * Zmm.FLOATS - inputs;
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
    public static long panelRow(int columns) {
        return (long) RowPasses.vectors(columns) * Zmm.BYTES;
    }

    /** Floats of all panels of the weights; a last panel ends with whole vectors. */
    public static long panelFloats(Storage storage, int inputs, int outputs) {
        return (long) storage.words(outputs) * RowPasses.vectors(inputs) * Zmm.FLOATS;
    }

    /** Bytes of the tile of A that a call works on. */
    public static long tileBytes(Storage storage, int inputs) {
        return WORD_ROWS * RowPasses.tileRow(inputs);
    }

    /** Bytes of the tile of dZ that a call works on. */
    public static long gradientTileBytes(Storage storage, int outputs) {
        long lines = rows(storage) * RowPasses.tileRow(storage.words(outputs));
        return storage == Storage.FLOAT32 ? lines : pairBytes(outputs) + lines;
    }

    private static int rows(Storage storage) {
        return WORD_ROWS * storage.perWord();
    }

    /** Bytes of a tile's pairs of dZ. */
    private static long pairBytes(int outputs) {
        return WORD_ROWS * RowPasses.tileRow(outputs);
    }

    /** Where in the tile of dZ its rows are, for products along them. */
    private long lines() {
        return storage == Storage.FLOAT32 ? 0 : pairBytes(outputs);
    }

    /**
     * The addresses of a call.
     *
     * @param weights W as panels [words of N, up to 48 columns]; see {@link #panelColumns}
     * @param sums of dA; added to
     * @param products of dA and x; added to
     */
    public record Operands(
            long gradient,
            long z,
            long factor,
            long constant,
            long slope,
            long zMean,
            long x,
            long scale,
            long shift,
            long mean,
            long weight,
            long weights,
            long weightSums,
            long blockGradient,
            long sums,
            long products,
            long tile,
            long gradientTile) {
        private void into(MemorySegment arguments) {
            arguments.set(JAVA_LONG, GRADIENT, gradient);
            arguments.set(JAVA_LONG, Z, z);
            arguments.set(JAVA_LONG, FACTOR, factor);
            arguments.set(JAVA_LONG, CONSTANT, constant);
            arguments.set(JAVA_LONG, SLOPE, slope);
            arguments.set(JAVA_LONG, Z_MEAN, zMean);
            arguments.set(JAVA_LONG, X, x);
            arguments.set(JAVA_LONG, SCALE, scale);
            arguments.set(JAVA_LONG, SHIFT, shift);
            arguments.set(JAVA_LONG, MEAN, mean);
            arguments.set(JAVA_LONG, WEIGHT, weight);
            arguments.set(JAVA_LONG, WEIGHTS, weights);
            arguments.set(JAVA_LONG, WEIGHT_SUMS, weightSums);
            arguments.set(JAVA_LONG, BLOCK_GRADIENT, blockGradient);
            arguments.set(JAVA_LONG, SUMS, sums);
            arguments.set(JAVA_LONG, PRODUCTS, products);
            arguments.set(JAVA_LONG, TILE, tile);
            arguments.set(JAVA_LONG, GRADIENT_TILE, gradientTile);
        }
    }

    /**
     * Runs.
     *
     * @param arguments memory for the arguments
     */
    public void run(MemorySegment arguments, Operands operands) {
        operands.into(arguments);
        code.call(arguments);
    }

    @Override
    public void close() {
        code.close();
    }

    private byte[] whole(int rows) {
        a.enter();
        a.first(Mask.K1, inputs % Zmm.FLOATS);
        a.first(Mask.K2, outputs % Zmm.FLOATS);
        // A short tile would read and write all of dW for few products.
        int blocks = Math.ceilDiv(rows, BLOCK_ROWS);
        int tileBlocks = RowPasses.evenBlock(blocks, rows(storage) / BLOCK_ROWS);
        int first = Math.min(rows, tileBlocks * BLOCK_ROWS);
        tile(first, true);
        RowPasses.inBlocks(a, rows - first, first, R15, count -> tile(count, false));
        a.leave();
        return a.bytes();
    }

    /**
     * @param first nothing has been fetched for this tile
     */
    private void tile(int rows, boolean first) {
        finishGradient(rows);
        normalise(rows, first);
        weightGradient(rows);
        inputGradient(rows);
        RowPasses.advance(a, GRADIENT, rows * gradientRow);
        RowPasses.advance(a, Z, rows * zRow);
        RowPasses.advance(a, X, rows * xRow);
        RowPasses.advance(a, BLOCK_GRADIENT, rows * blockRow);
    }

    /** The address of a column of stored elements, the first of a block, from R11. */
    private void loadStoredColumn(Register to, int argument) {
        a.load(to, RDI.at(argument));
        a.add(to, R11);
    }

    /** The same of words and floats. */
    private void loadColumn(Register to, int argument) {
        loadStoredColumn(to, argument);
        for (int i = 1; i < storage.perWord(); i++) {
            a.add(to, R11);
        }
    }

    // ---------------------------------------------------------------- dZ and A

    private void finishGradient(int rows) {
        pairs.begin();
        a.load(R8, RDI.at(FACTOR));
        a.load(R9, RDI.at(CONSTANT));
        a.load(R10, RDI.at(SLOPE));
        a.load(R11, RDI.at(Z_MEAN));
        a.load(RAX, RDI.at(GRADIENT));
        a.load(RBX, RDI.at(Z));
        a.load(RCX, RDI.at(GRADIENT_TILE));
        a.addressOf(RDX, RCX.at(lines()));
        RowPasses.inBlocks(
                a,
                rows,
                BLOCK_ROWS,
                R12,
                count -> {
                    for (int v = 0; v < RowPasses.vectors(outputs); v++) {
                        finishGradient(count, v);
                    }
                    a.add(RAX, count * gradientRow);
                    a.add(RBX, count * zRow);
                    a.add(RCX, storage.words(count) * gradientTileRow);
                    a.add(RDX, count * gradientLineRow);
                });
    }

    /** A vector of dZ of some rows. */
    private void finishGradient(int rows, int v) {
        Mask mask = (v + 1) * Zmm.FLOATS > outputs ? Mask.K2 : Mask.K0;
        long column = (long) v * Zmm.BYTES;
        long stored = v * storage.vectorBytes();
        Register[] constants = {R8, R9, R10, R11};
        for (int i = 0; i < constants.length; i++) {
            a.load(zmm(24 + i), constants[i].at(column), mask);
        }
        for (int r = 0; r < rows; r++) {
            storage.load(a, zmm(r), RBX.at(r * zRow + stored), mask);
            storage.load(a, zmm(8 + r), RAX.at(r * gradientRow + stored), mask);
        }
        for (int r = 0; r < rows; r++) {
            a.subtract(zmm(r), zmm(r), zmm(27));
            a.multiplyAdd(zmm(r), zmm(26), zmm(25));
            a.addProduct(zmm(r), zmm(8 + r), zmm(24));
        }
        storeGradient(rows, column, stored);
    }

    /** A vector of dZ of some rows: to RCX in words of rows, to RDX in words of columns. */
    private void storeGradient(int rows, long column, long stored) {
        if (storage == Storage.FLOAT32) {
            storeRows(rows, RCX.at(column), gradientTileRow);
        } else {
            pairs.round(rows);
            pairs.storeLines(rows, RDX.at(stored), gradientLineRow);
            pairs.storePairs(rows, RCX.at(column), gradientTileRow);
        }
    }

    private void storeRows(int rows, Address to, long row) {
        for (int r = 0; r < rows; r++) {
            a.store(zmm(r), to.plus(r * row));
        }
    }

    private void normalise(int rows, boolean fetches) {
        a.zero(RowPasses.ZERO);
        pairs.begin();
        a.load(R8, RDI.at(X));
        a.load(R9, RDI.at(TILE));
        a.load(R10, RDI.at(BLOCK_GRADIENT));
        RowPasses.inBlocks(
                a,
                rows,
                BLOCK_ROWS,
                R13,
                count -> {
                    a.copy(RAX, R8);
                    a.copy(RBX, R9);
                    a.load(RCX, RDI.at(SCALE));
                    a.load(RDX, RDI.at(SHIFT));
                    RowPasses.normaliseRelu(
                            a,
                            storage,
                            count,
                            inputs,
                            xRow,
                            Zmm.BYTES,
                            () -> {
                                storeNormalised(count);
                                if (fetches) {
                                    fetchGradient(count);
                                }
                            });
                    if (fetches) {
                        long fetched = RowPasses.vectors(inputs) * storage.vectorBytes();
                        a.add(R10, count * blockRow - fetched);
                    }
                    a.add(R8, count * xRow);
                    a.add(R9, storage.words(count) * tileRow);
                });
    }

    /** A vector of some rows of G, and on to the next. */
    private void fetchGradient(int rows) {
        for (int r = 0; r < rows; r++) {
            a.prefetchSecondLevel(R10.at(r * blockRow));
        }
        a.add(R10, storage.vectorBytes());
    }

    private void storeNormalised(int rows) {
        if (storage == Storage.FLOAT32) {
            storeRows(rows, RBX.at(0), tileRow);
        } else {
            pairs.round(rows);
            pairs.storePairs(rows, RBX.at(0), tileRow);
        }
    }

    // ---------------------------------------------------------------- column blocks

    private interface BlockCode {
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
    private void forColumnBlocks(BlockCode body) {
        int[] rest = restBlocks(RowPasses.vectors(inputs));
        boolean partial = inputs % Zmm.FLOATS > 0;
        int loops = wholeBlocks(RowPasses.vectors(inputs));
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
                    a.add(R11, BLOCK * storage.vectorBytes());
                });
        for (int i = 0; i < rest.length; i++) {
            body.emit(rest[i], partial && i == rest.length - 1);
            a.add(R11, rest[i] * storage.vectorBytes());
        }
    }

    private static Mask mask(int v, int vectors, boolean last) {
        return last && v == vectors - 1 ? Mask.K1 : Mask.K0;
    }

    // ---------------------------------------------------------------- dW

    private void weightGradient(int rows) {
        forColumnBlocks(
                (vectors, last) -> {
                    loadColumn(RDX, WEIGHT_SUMS);
                    loadColumn(R8, TILE);
                    a.load(RCX, RDI.at(GRADIENT_TILE));
                    int lines = RowPasses.lines(vectors * storage.vectorBytes());
                    int fetching = Math.min(lines, outputs / BLOCK_ROWS / 2);
                    int plain = outputs / BLOCK_ROWS - 2 * fetching;
                    loadStoredColumn(R10, X);
                    a.add(R10, rows * xRow);
                    a.repeat(
                            fetching,
                            R13,
                            () -> {
                                weightBlock(rows, BLOCK_ROWS, vectors, last, xRow);
                                a.add(R10, Zmm.BYTES);
                            });
                    loadStoredColumn(R10, BLOCK_GRADIENT);
                    a.add(R10, rows * blockRow);
                    a.repeat(
                            fetching,
                            R13,
                            () -> {
                                weightBlock(rows, BLOCK_ROWS, vectors, last, blockRow);
                                a.add(R10, Zmm.BYTES);
                            });
                    a.repeat(plain, R13, () -> weightBlock(rows, BLOCK_ROWS, vectors, last, 0));
                    if (outputs % BLOCK_ROWS > 0) {
                        weightBlock(rows, outputs % BLOCK_ROWS, vectors, last, 0);
                    }
                });
    }

    /** Sums of some rows of dW over the tile; fetches a column of lines from R10 on. */
    private void weightBlock(int rows, int block, int vectors, boolean last, long fetchRow) {
        for (int i = 0; i < block; i++) {
            for (int v = 0; v < vectors; v++) {
                a.load(
                        zmm(i * vectors + v),
                        RDX.at(i * weightRow + v * Zmm.BYTES),
                        mask(v, vectors, last));
            }
        }
        // The next block's sums.
        for (int i = 0; i < block; i++) {
            for (int v = 0; v < vectors; v++) {
                a.prefetchForWriting(RDX.at((block + i) * weightRow + v * Zmm.BYTES));
            }
        }
        a.copy(RAX, RCX);
        a.copy(R9, R8);
        a.copy(RBX, R10);
        RowPasses.inBlocks(
                a,
                storage.words(rows),
                4,
                RBP,
                count -> {
                    for (int r = 0; r < count; r++) {
                        for (int i = 0; fetchRow > 0 && i < storage.perWord(); i++) {
                            a.prefetchSecondLevel(RBX.at((storage.perWord() * r + i) * fetchRow));
                        }
                        RowPasses.step(
                                a,
                                storage,
                                block,
                                vectors,
                                RAX.at(r * gradientTileRow),
                                4,
                                R9.at(r * tileRow));
                    }
                    a.add(RAX, count * gradientTileRow);
                    a.add(R9, count * tileRow);
                    if (fetchRow > 0) {
                        a.add(RBX, storage.perWord() * count * fetchRow);
                    }
                });
        for (int i = 0; i < block; i++) {
            for (int v = 0; v < vectors; v++) {
                a.store(
                        zmm(i * vectors + v),
                        RDX.at(i * weightRow + v * Zmm.BYTES),
                        mask(v, vectors, last));
            }
        }
        a.add(RCX, 4L * block);
        a.add(RDX, block * weightRow);
    }

    // ---------------------------------------------------------------- dA

    private void inputGradient(int rows) {
        a.load(R14, RDI.at(GRADIENT));
        a.add(R14, rows * gradientRow);
        a.load(RSI, RDI.at(Z));
        a.add(RSI, rows * zRow);
        int blocks =
                Math.ceilDiv(rows, BLOCK_ROWS) * Math.ceilDiv(RowPasses.vectors(inputs), BLOCK);
        int fetches = Math.ceilDiv(rows * (int) zRow / Zmm.BYTES, blocks);
        a.load(RAX, RDI.at(WEIGHTS));
        a.store(RAX, RDI.at(PANEL));
        forColumnBlocks(
                (vectors, last) -> {
                    a.load(R8, RDI.at(PANEL));
                    loadStoredColumn(RDX, X);
                    loadColumn(R9, TILE);
                    loadStoredColumn(R10, BLOCK_GRADIENT);
                    a.load(RCX, RDI.at(GRADIENT_TILE));
                    a.add(RCX, lines());
                    RowPasses.inBlocks(
                            a,
                            rows,
                            BLOCK_ROWS,
                            R13,
                            count -> inputBlock(count, vectors, last, fetches));
                    long panelRow = (long) vectors * Zmm.BYTES;
                    RowPasses.advance(a, PANEL, storage.words(outputs) * panelRow);
                });
    }

    /** dA of some rows and columns; fetches so many lines of the next tile's dT and Z. */
    private void inputBlock(int rows, int vectors, boolean last, int fetches) {
        for (int i = 0; i < fetches; i++) {
            a.prefetchSecondLevel(R14.at((long) i * Zmm.BYTES));
            a.prefetchSecondLevel(RSI.at((long) i * Zmm.BYTES));
        }
        a.add(R14, (long) fetches * Zmm.BYTES);
        a.add(RSI, (long) fetches * Zmm.BYTES);
        for (int i = 0; i < rows * vectors; i++) {
            a.zero(zmm(i));
        }
        fetchBlock(rows, vectors);
        a.copy(RAX, RCX);
        a.copy(RBX, R8);
        long panelRow = (long) vectors * Zmm.BYTES;
        IntConsumer steps =
                count -> {
                    for (int i = 0; i < count; i++) {
                        RowPasses.step(
                                a,
                                storage,
                                rows,
                                vectors,
                                RAX.at(4 * i),
                                gradientLineRow,
                                RBX.at(i * panelRow));
                    }
                    a.add(RAX, 4L * count);
                    a.add(RBX, count * panelRow);
                };
        RowPasses.inBlocks(a, storage.words(outputs), 8, RBP, steps);
        if (storage == Storage.BFLOAT16) {
            pairs.beginSigns();
        }
        for (int v = 0; v < vectors; v++) {
            accumulate(rows, vectors, v, mask(v, vectors, last));
        }
        a.add(RCX, rows * gradientLineRow);
        a.add(RDX, rows * xRow);
        a.add(R9, storage.words(rows) * tileRow);
        a.add(R10, rows * blockRow);
    }

    /** Brings to the first-level cache what {@link #accumulate} reads. */
    private void fetchBlock(int rows, int vectors) {
        long bytes = vectors * storage.vectorBytes();
        for (int r = 0; r < rows; r++) {
            long x = r * xRow;
            long block = r * blockRow;
            RowPasses.forEachLine(bytes, at -> a.prefetch(RDX.at(x + at)));
            RowPasses.forEachLine(bytes, at -> a.prefetchForWriting(R10.at(block + at)));
        }
        for (int r = 0; r < storage.words(rows); r++) {
            for (int v = 0; v < vectors; v++) {
                a.prefetch(R9.at(r * tileRow + v * Zmm.BYTES));
            }
        }
    }

    /** Masks dA by the ReLU, takes its sums and adds it to the block's gradient. */
    private void accumulate(int rows, int vectors, int v, Mask mask) {
        long column = (long) v * Zmm.BYTES;
        long stored = v * storage.vectorBytes();
        int[] values = {MEAN, WEIGHT, SUMS, PRODUCTS};
        for (int i = 0; i < values.length; i++) {
            loadColumn(RAX, values[i]);
            a.load(zmm(24 + i), RAX.at(column), mask);
        }
        for (int r = 0; r < rows; r++) {
            Zmm d = zmm(r * vectors + v);
            if (storage == Storage.FLOAT32) {
                a.less(Mask.K3, RowPasses.ZERO, R9.at(r * tileRow + column), mask);
            } else {
                pairs.positive(Mask.K3, r, R9.at(r / 2 * tileRow + column), mask);
            }
            a.keep(d, Mask.K3);
            storage.load(a, zmm(28), RDX.at(r * xRow + stored), mask);
            storage.load(a, zmm(29), R10.at(r * blockRow + stored), mask);
            a.subtract(zmm(28), zmm(28), zmm(24));
            a.add(zmm(26), zmm(26), d);
            a.addProduct(zmm(27), zmm(28), d);
            a.addProduct(zmm(29), zmm(25), d);
            storage.store(a, zmm(29), R10.at(r * blockRow + stored), mask);
        }
        loadColumn(RAX, SUMS);
        a.store(zmm(26), RAX.at(column), mask);
        loadColumn(RAX, PRODUCTS);
        a.store(zmm(27), RAX.at(column), mask);
    }
}

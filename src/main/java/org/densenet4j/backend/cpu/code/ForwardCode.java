package org.densenet4j.backend.cpu.code;

import static org.densenet4j.backend.cpu.code.Register.R10;
import static org.densenet4j.backend.cpu.code.Register.R11;
import static org.densenet4j.backend.cpu.code.Register.R12;
import static org.densenet4j.backend.cpu.code.Register.R14;
import static org.densenet4j.backend.cpu.code.Register.R9;
import static org.densenet4j.backend.cpu.code.Register.RAX;
import static org.densenet4j.backend.cpu.code.Register.RBX;
import static org.densenet4j.backend.cpu.code.Register.RCX;
import static org.densenet4j.backend.cpu.code.Register.RDI;
import static org.densenet4j.backend.cpu.code.Register.RDX;
import static org.densenet4j.backend.cpu.code.Register.RSI;
import static org.densenet4j.backend.cpu.code.Zmm.zmm;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;

/**
 * {@code Z = relu(bn(X))·Wᵀ} in one pass over X.
 *
 * <pre>
 * X [rows, K] strided      W packed as panels [K, 16 to 64 columns]      Z [rows, N] strided
 * </pre>
 *
 * In bfloat16 a panel holds pairs: of rows 2k and 2k + 1 of each column, behind each other.
 *
 * <p>A tile of 6 or 8 rows is normalised into the first-level cache and multiplied from there, with
 * 24 sums in registers; while it is multiplied, the next tile is fetched. Moves each element of X
 * and Z once between memory and the core, which stays at the rate of its multiply-adds.
 */
public final class ForwardCode implements AutoCloseable {
    private static final int X = 0;
    private static final int SCALE = 8;
    private static final int SHIFT = 16;
    private static final int WEIGHTS = 24;
    private static final int TILE = 32;
    private static final int Z = 40;

    /** Bytes of arguments. */
    public static final int ARGUMENTS = 48;

    private final Assembler a = new Assembler();
    private final Storage storage;
    private final int inputs;
    private final int outputs;
    private final long xRow;
    private final long zRow;
    private final long tileRow;
    private final Panels panels;
    private final NativeCode code;

    /**
     * Compiles.
     *
     * @param xRow bytes from row to row of X
     * @param zRow bytes from row to row of Z
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public ForwardCode(Storage storage, int rows, int inputs, int outputs, long xRow, long zRow) {
        this.storage = storage;
        this.inputs = inputs;
        this.outputs = outputs;
        this.xRow = xRow;
        this.zRow = zRow;
        this.tileRow = RowPasses.tileRow(storage.words(inputs));
        this.panels = new Panels(outputs);
        this.code = new NativeCode(whole(rows));
    }

    /** Bytes of the tile that a call works on. */
    public static long tileBytes(Storage storage, int inputs, int outputs) {
        return new Panels(outputs).rows() * RowPasses.tileRow(storage.words(inputs));
    }

    /**
     * Runs; all are addresses.
     *
     * @param arguments memory for the arguments
     * @param weights as {@link Panels} lays them out
     */
    public void run(
            MemorySegment arguments,
            long x,
            long scale,
            long shift,
            long weights,
            long tile,
            long z) {
        arguments.set(JAVA_LONG, X, x);
        arguments.set(JAVA_LONG, SCALE, scale);
        arguments.set(JAVA_LONG, SHIFT, shift);
        arguments.set(JAVA_LONG, WEIGHTS, weights);
        arguments.set(JAVA_LONG, TILE, tile);
        arguments.set(JAVA_LONG, Z, z);
        code.call(arguments);
    }

    @Override
    public void close() {
        code.close();
    }

    private byte[] whole(int rows) {
        a.enter();
        a.load(RSI, RDI.at(X));
        a.load(R9, RDI.at(TILE));
        a.load(R10, RDI.at(Z));
        a.zero(RowPasses.ZERO);
        a.first(Mask.K1, inputs % Zmm.FLOATS);
        a.first(Mask.K2, outputs % Zmm.FLOATS);
        RowPasses.inBlocks(a, rows, panels.rows(), R11, this::tile);
        a.leave();
        return a.bytes();
    }

    private void tile(int rows) {
        a.copy(RAX, RSI);
        a.copy(RBX, R9);
        a.load(RCX, RDI.at(SCALE));
        a.load(RDX, RDI.at(SHIFT));
        RowPasses.normaliseRelu(
                a,
                storage,
                rows,
                inputs,
                xRow,
                storage.vectorBytes(),
                () -> {
                    for (int r = 0; r < rows; r++) {
                        storage.store(a, zmm(r), RBX.at(r * tileRow), Mask.K0);
                    }
                });
        a.load(RCX, RDI.at(WEIGHTS));
        for (int p = 0; p < panels.count(); p++) {
            panel(rows, p);
        }
        a.add(RSI, rows * xRow);
        a.add(R10, rows * zRow);
    }

    private void panel(int rows, int p) {
        int vectors = panels.vectors(p);
        int words = storage.words(inputs);
        long weightRow = (long) vectors * Zmm.BYTES;
        for (int i = 0; i < rows * vectors; i++) {
            a.zero(zmm(i));
        }
        a.copy(RBX, R9);
        a.addressOf(RAX, RSI.at(rows * xRow));
        a.copy(R14, R10);
        a.repeat(
                words / Zmm.FLOATS,
                R12,
                () -> {
                    for (int i = 0; i < Zmm.FLOATS; i++) {
                        if (p == 0 && i < rows) {
                            a.prefetchSecondLevel(RAX.at(i * xRow));
                        } else if (p == 0 && i >= 8 && i - 8 < rows) {
                            a.prefetchSecondLevel(R14.at((i - 8) * zRow));
                        }
                        RowPasses.step(
                                a,
                                storage,
                                rows,
                                vectors,
                                RBX.at(4 * i),
                                tileRow,
                                RCX.at(i * weightRow));
                    }
                    a.add(RAX, Zmm.BYTES);
                    a.add(R14, Zmm.BYTES);
                    a.add(RBX, Zmm.BYTES);
                    a.add(RCX, Zmm.FLOATS * weightRow);
                });
        int rest = words % Zmm.FLOATS;
        if (p == 0 && rest > 0) {
            for (int i = 0; i < rows; i++) {
                a.prefetchSecondLevel(RAX.at(i * xRow));
            }
        }
        for (int i = 0; i < rest; i++) {
            RowPasses.step(
                    a, storage, rows, vectors, RBX.at(4 * i), tileRow, RCX.at(i * weightRow));
        }
        a.add(RCX, rest * weightRow);
        for (int r = 0; r < rows; r++) {
            for (int v = 0; v < vectors; v++) {
                int column = (panels.first(p) + v) * Zmm.FLOATS;
                Mask mask = column + Zmm.FLOATS > outputs ? Mask.K2 : Mask.K0;
                storage.store(
                        a,
                        zmm(r * vectors + v),
                        R10.at(r * zRow + (long) storage.bytes() * column),
                        mask);
            }
        }
    }
}

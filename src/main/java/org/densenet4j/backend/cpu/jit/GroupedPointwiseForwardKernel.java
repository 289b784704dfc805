package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R10;
import static org.densenet4j.backend.cpu.asm.Register.R11;
import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R13;
import static org.densenet4j.backend.cpu.asm.Register.R14;
import static org.densenet4j.backend.cpu.asm.Register.R15;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Register.RAX;
import static org.densenet4j.backend.cpu.asm.Register.RBX;
import static org.densenet4j.backend.cpu.asm.Register.RCX;
import static org.densenet4j.backend.cpu.asm.Register.RDX;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;

/**
 * {@code Z = relu(bn(X))·Wᵀ} in one pass over X, where each group of outputs reads inputs of its
 * own choice.
 *
 * <pre>
 * X [rows, K] strided      for each group: places [k], and panels of Wᵀ [k, columns]      Z [rows, N] strided
 * </pre>
 *
 * <p>A tile of a few rows is normalised into the first-level cache. A product takes one word of
 * each row at a time anyway, so that where the word lies makes no difference: the inputs of a group
 * are never gathered, but read from the tile where their places say.
 */
public final class GroupedPointwiseForwardKernel extends Kernel {
    /** Inputs that are multiplied in a run of the loop over them. */
    private static final int UNROLLED = 8;

    /** Rows of a tile where a group has one vector of outputs and the tile fits the cache. */
    private static final int MANY_ROWS = 16;

    /** Of the first-level cache, that a tile of so many rows may take. */
    private static final long TILE_BYTES = 32 << 10;

    /** Addresses; places are offsets in bytes from a tile's row on, in 64 bits. */
    public enum Argument {
        X,
        SCALE,
        SHIFT,
        PLACES,
        WEIGHTS,
        TILE,
        Z
    }

    private final Form form;
    private final long tileRow;
    private final Panels panels;
    private Tail inputTail;
    private Tail outputTail;

    /**
     * What is compiled.
     *
     * @param inputs K
     * @param groups of outputs
     * @param groupInputs that a group reads
     * @param groupOutputs that it makes
     * @param xRow bytes from row to row of X
     * @param zRow bytes from row to row of Z
     */
    public record Form(
            Storage storage,
            int rows,
            int inputs,
            int groups,
            int groupInputs,
            int groupOutputs,
            long xRow,
            long zRow) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public GroupedPointwiseForwardKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        this.tileRow = Loops.tileRow(form.inputs);
        this.panels = new Panels(set, form.groupOutputs);
        compile(this::whole);
    }

    /** Bytes of the tile that a call works on. */
    public static long tileBytes(InstructionSet set, int inputs, int groupOutputs) {
        return mostRows(set, inputs, groupOutputs) * Loops.tileRow(inputs);
    }

    private static int mostRows(InstructionSet set, int inputs, int groupOutputs) {
        int rows = Math.min(MANY_ROWS, SumBlock.most(set));
        return set.vectors(groupOutputs) == 1 && rows * Loops.tileRow(inputs) <= TILE_BYTES
                ? rows
                : new Panels(set, groupOutputs).rows();
    }

    /** Runs. */
    public void run(Arguments arguments) {
        call(arguments);
    }

    private void whole() {
        a.load(RSI, argument(Argument.X));
        a.load(R9, argument(Argument.TILE));
        a.load(R10, argument(Argument.Z));
        inputTail = a.tail(form.inputs);
        outputTail = a.tail(form.groupOutputs);
        int most = mostRows(set, form.inputs, form.groupOutputs);
        Loops.inBlocks(a, form.rows, Loops.evenBlock(form.rows, most), R11, this::tile);
    }

    private void tile(int rows) {
        for (int r = 0; r < rows; r += NormaliseRelu.ROWS) {
            normalise(r, Math.min(NormaliseRelu.ROWS, rows - r), rows);
        }
        a.load(RCX, argument(Argument.WEIGHTS));
        a.load(R15, argument(Argument.PLACES));
        a.copy(R13, R10);
        a.repeat(
                form.groups,
                R14,
                () -> {
                    for (int p = 0; p < panels.count(); p++) {
                        panel(rows, p);
                    }
                    a.add(R15, (long) form.groupInputs * Long.BYTES);
                    a.add(R13, (long) form.groupOutputs * form.storage.bytes());
                });
        a.add(RSI, rows * form.xRow);
        a.add(R10, rows * form.zRow);
    }

    /** Some rows of the tile; those of the next tile are fetched meanwhile. */
    private void normalise(int first, int count, int rows) {
        a.addressOf(RAX, RSI.at(first * form.xRow));
        a.addressOf(RBX, R9.at(first * tileRow));
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
                    for (int r = 0; r < count; r++) {
                        a.prefetchSecondLevel(RAX.at((rows + r) * form.xRow));
                        a.store(v(r), RBX.at(r * tileRow));
                    }
                });
    }

    private void panel(int rows, int p) {
        SumBlock block = new SumBlock(rows, panels.vectors(p));
        long weightRow = (long) block.vectors() * set.vectorBytes();
        block.zero(a);
        a.copy(RDX, R15);
        a.repeat(form.groupInputs / UNROLLED, R12, () -> steps(block, UNROLLED, weightRow));
        steps(block, form.groupInputs % UNROLLED, weightRow);
        for (int r = 0; r < rows; r++) {
            for (int i = 0; i < block.vectors(); i++) {
                int vector = panels.first(p) + i;
                form.storage.store(
                        a,
                        block.sum(r, i),
                        R13.at(r * form.zRow + vector * form.storage.vectorBytes(set)),
                        tail(vector, form.groupOutputs, outputTail));
            }
        }
    }

    private void steps(SumBlock block, int count, long weightRow) {
        for (int i = 0; i < count; i++) {
            a.load(RAX, RDX.at((long) i * Long.BYTES));
            a.add(RAX, R9);
            block.addProducts(a, Words.FLOATS, RAX.at(0), tileRow, RCX.at(i * weightRow));
        }
        a.add(RDX, (long) count * Long.BYTES);
        a.add(RCX, count * weightRow);
    }
}

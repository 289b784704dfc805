package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R10;
import static org.densenet4j.backend.cpu.asm.Register.R11;
import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R14;
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
 * {@code Z = relu(bn(X))·Wᵀ} in one pass over X.
 *
 * <pre>
 * X [rows, K] strided      W packed as panels [K, columns of a few vectors]      Z [rows, N] strided
 * </pre>
 *
 * In pairs of bfloat16 a panel holds rows 2k and 2k + 1 of each column behind each other.
 *
 * <p>A tile of a few rows is normalised into the first-level cache and multiplied from there, with
 * a {@link SumBlock} in registers; while it is multiplied, the next tile is fetched. Moves each
 * element of X and Z once between memory and the core, which stays at the rate of its
 * multiply-adds.
 */
public final class PointwiseForwardKernel extends Kernel {
    /** Words that are multiplied between two prefetches of a row. */
    private static final int UNROLLED = 16;

    private static final int LINE = 64;

    /** Addresses; weights are as {@link Panels} lays them out. */
    public enum Argument {
        X,
        SCALE,
        SHIFT,
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
     * @param outputs N
     * @param xRow bytes from row to row of X
     * @param zRow bytes from row to row of Z
     */
    public record Form(
            Storage storage,
            Words words,
            int rows,
            int inputs,
            int outputs,
            long xRow,
            long zRow) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public PointwiseForwardKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        this.tileRow = Loops.tileRow(form.words.words(form.inputs));
        this.panels = new Panels(set, form.outputs);
        compile(this::whole);
    }

    /** Bytes of the tile that a call works on. */
    public static long tileBytes(InstructionSet set, Words words, int inputs, int outputs) {
        return new Panels(set, outputs).rows() * Loops.tileRow(words.words(inputs));
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
        outputTail = a.tail(form.outputs);
        int rows = Loops.evenBlock(form.rows, panels.rows());
        Loops.inBlocks(a, form.rows, rows, R11, this::tile);
    }

    private void tile(int rows) {
        a.copy(RAX, RSI);
        a.copy(RBX, R9);
        a.load(RCX, argument(Argument.SCALE));
        a.load(RDX, argument(Argument.SHIFT));
        Storage tile = form.words.storage();
        NormaliseRelu.emit(
                a,
                form.storage,
                rows,
                form.inputs,
                inputTail,
                form.xRow,
                tile.vectorBytes(set),
                () -> {
                    for (int r = 0; r < rows; r++) {
                        tile.store(a, v(r), RBX.at(r * tileRow), Tail.WHOLE);
                    }
                });
        a.load(RCX, argument(Argument.WEIGHTS));
        for (int p = 0; p < panels.count(); p++) {
            panel(rows, p);
        }
        a.add(RSI, rows * form.xRow);
        a.add(R10, rows * form.zRow);
    }

    private void panel(int rows, int p) {
        SumBlock block = new SumBlock(rows, panels.vectors(p));
        int words = form.words.words(form.inputs);
        long weightRow = (long) block.vectors() * set.vectorBytes();
        block.zero(a);
        a.copy(RBX, R9);
        a.addressOf(RAX, RSI.at(rows * form.xRow));
        a.copy(R14, R10);
        a.repeat(
                words / UNROLLED,
                R12,
                () -> {
                    for (int i = 0; i < UNROLLED; i++) {
                        if (p == 0 && i < rows) {
                            a.prefetchSecondLevel(RAX.at(i * form.xRow));
                        } else if (p == 0 && i >= 8 && i - 8 < rows) {
                            a.prefetchSecondLevel(R14.at((i - 8) * form.zRow));
                        }
                        step(block, i, weightRow);
                    }
                    a.add(RAX, (long) UNROLLED * form.words.elements() * form.storage.bytes());
                    a.add(R14, LINE);
                    a.add(RBX, UNROLLED * Float.BYTES);
                    a.add(RCX, UNROLLED * weightRow);
                });
        int rest = words % UNROLLED;
        if (p == 0 && rest > 0) {
            for (int i = 0; i < rows; i++) {
                a.prefetchSecondLevel(RAX.at(i * form.xRow));
            }
        }
        for (int i = 0; i < rest; i++) {
            step(block, i, weightRow);
        }
        a.add(RCX, rest * weightRow);
        for (int r = 0; r < rows; r++) {
            for (int i = 0; i < block.vectors(); i++) {
                int vector = panels.first(p) + i;
                form.storage.store(
                        a,
                        block.sum(r, i),
                        R10.at(r * form.zRow + vector * form.storage.vectorBytes(set)),
                        tail(vector, form.outputs, outputTail));
            }
        }
    }

    private void step(SumBlock block, int word, long weightRow) {
        block.addProducts(
                a,
                form.words,
                RBX.at((long) word * Float.BYTES),
                tileRow,
                RCX.at(word * weightRow));
    }
}

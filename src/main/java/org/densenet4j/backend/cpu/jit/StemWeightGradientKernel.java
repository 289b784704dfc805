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
import static org.densenet4j.backend.cpu.asm.Register.RDX;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;

/**
 * Adds the weight gradient of {@link StemForwardKernel} over an image:
 *
 * <pre>
 * dW[i, j, n] += Σ over pixels of image[s·y + i, s·x + j]·dOut[y, x, n]
 * </pre>
 *
 * where j counts the inputs that a line of the kernel covers. For each line of dOut, which is laid
 * out as panels of float32 first, a {@link SumBlock} of some j and two vectors of n after the other
 * goes through its pixels. Moves the image and dOut once.
 */
public final class StemWeightGradientKernel extends Kernel {
    /**
     * Addresses; {@code LINE} of room for {@link #roomBytes}, {@code SUMS} as {@link StemPanels}.
     */
    public enum Argument {
        IMAGE,
        GRADIENT,
        LINE,
        SUMS
    }

    private static final int UNROLLED = 4;

    private static final int LINE = 64;

    private final StemForm form;
    private final StemPanels panels;
    private Tail tail;

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public StemWeightGradientKernel(InstructionSet set, StemForm form) {
        super(set);
        this.form = form;
        this.panels = form.panels(set);
        compile(this::whole);
    }

    /** Bytes of a line of dOut as panels. */
    public static long roomBytes(InstructionSet set, int outputs, int pixels) {
        return (long) Float.BYTES * pixels * set.padded(outputs);
    }

    /**
     * Runs.
     *
     * @throws IllegalStateException when closed
     */
    public void run(Arguments arguments) {
        call(arguments);
    }

    private void whole() {
        tail = a.tail(form.outputs());
        a.repeat(
                form.lines(),
                R15,
                () -> {
                    a.load(R12, argument(Argument.GRADIENT));
                    a.load(R9, argument(Argument.LINE));
                    a.addressOf(R10, R9.at(panels.whole() * panelBytes()));
                    a.repeat(form.pixels(), R14, this::layOut);
                    a.load(R8, argument(Argument.LINE));
                    a.load(RDX, argument(Argument.SUMS));
                    panels.forEach(a, R13, (vectors, _) -> panel(vectors));
                    Loops.advance(a, Argument.IMAGE, form.stride() * form.lineBytes());
                    Loops.advance(a, Argument.GRADIENT, form.pixels() * form.outRow());
                });
    }

    /** A pixel of dOut, from R12 to its places in the panels: R9 in the first, R10 in the rest. */
    private void layOut() {
        int inWhole = panels.whole() * panels.vectors(0);
        for (int i = 0; i < set.vectors(form.outputs()); i++) {
            Address from = R12.at(i * form.storage().vectorBytes(set));
            form.storage().load(a, v(0), from, tail(i, form.outputs(), tail));
            long inPanel = (long) i % panels.vectors(0) * set.vectorBytes();
            long panel = i / panels.vectors(0) * panelBytes();
            a.store(v(0), i < inWhole ? R9.at(panel + inPanel) : R10.at(inPanel));
        }
        a.add(R12, form.outRow());
        a.add(R9, panels.rowBytes(panels.vectors(0)));
        a.add(R10, panels.rowBytes(panels.vectors(panels.whole())));
    }

    /** Bytes of a whole panel of a line of dOut. */
    private long panelBytes() {
        return form.pixels() * panels.rowBytes(panels.vectors(0));
    }

    /** Products of a line of dOut at R8 and k lines of the image; RDX goes through the sums. */
    private void panel(int vectors) {
        int blocks = blocks(vectors);
        a.load(R10, argument(Argument.IMAGE));
        a.repeat(
                form.kernel(),
                R14,
                () -> {
                    a.copy(R11, R10);
                    for (int b = 0; b < blocks; b++) {
                        int first = b * panels.lineInputs() / blocks;
                        int end = (b + 1) * panels.lineInputs() / blocks;
                        block(new SumBlock(end - first, vectors));
                    }
                    a.add(R10, form.lineBytes());
                });
        a.add(R8, form.pixels() * panels.rowBytes(vectors));
    }

    /** Blocks that the inputs are cut into which a line of the kernel covers. */
    private int blocks(int vectors) {
        return vectors == 0 ? 0 : Math.ceilDiv(panels.lineInputs(), SumBlock.most(set) / vectors);
    }

    /** Brings a share of the next line of dOut to the second-level cache. */
    private void fetchNext() {
        int rest = blocks(panels.vectors(panels.whole()));
        int blocks = form.kernel() * (panels.whole() * blocks(panels.vectors(0)) + rest);
        int lines = Math.ceilDiv(Loops.lines(form.pixels() * form.outRow()), blocks);
        for (int i = 0; i < lines; i++) {
            a.prefetchSecondLevel(R12.at((long) i * LINE));
        }
        a.add(R12, (long) lines * LINE);
    }

    private void block(SumBlock block) {
        fetchNext();
        long row = panels.rowBytes(block.vectors());
        long step = form.step();
        for (int i = 0; i < block.rows(); i++) {
            for (int v = 0; v < block.vectors(); v++) {
                a.load(block.sum(i, v), sum(i, v, row));
            }
        }
        a.copy(RAX, R11);
        a.copy(RBX, R8);
        Loops.inBlocks(
                a,
                form.pixels(),
                UNROLLED,
                RBP,
                count -> {
                    for (int p = 0; p < count; p++) {
                        block.addProducts(
                                a, Words.FLOATS, RAX.at(p * step), Float.BYTES, RBX.at(p * row));
                    }
                    a.add(RAX, count * step);
                    a.add(RBX, count * row);
                });
        for (int i = 0; i < block.rows(); i++) {
            for (int v = 0; v < block.vectors(); v++) {
                a.store(block.sum(i, v), sum(i, v, row));
            }
        }
        a.add(R11, (long) Float.BYTES * block.rows());
        a.add(RDX, block.rows() * row);
    }

    private Address sum(int row, int vector, long rowBytes) {
        return RDX.at(row * rowBytes + (long) vector * set.vectorBytes());
    }
}

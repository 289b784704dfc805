package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R15;
import static org.densenet4j.backend.cpu.asm.Register.R8;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Register.RDX;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * {@code out = average over an image's pixels of max(0, x·scale + shift)}: what is between the last
 * block and the classifier.
 *
 * <pre>
 * x [images·pixels, C] strided      scale, shift [2, C]      out [images, C]
 * </pre>
 *
 * A few vectors of channels go through an image's pixels with their sums in registers. Moves x
 * once.
 */
public final class NormaliseReluGlobalPoolKernel extends Kernel {
    private static final int SCALE = 0;
    private static final int SHIFT = 1;
    private static final int SUM = 2;
    private static final int PER_VECTOR = 3;

    private final Form form;

    /**
     * What is compiled. Distances are in bytes.
     *
     * @param storage of x
     * @param outStorage of out
     * @param pixels of an image
     * @param columns C
     * @param xRow from pixel to pixel of x
     * @param outRow from image to image of out
     * @param affineRow from scale to shift
     */
    public record Form(
            Storage storage,
            Storage outStorage,
            int images,
            int pixels,
            int columns,
            long xRow,
            long outRow,
            long affineRow) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public NormaliseReluGlobalPoolKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        compile(this::whole);
    }

    /**
     * Runs; all are addresses.
     *
     * @throws IllegalStateException when closed
     */
    public void run(long x, long affine, long out) {
        call(x, affine, out, 0, 0);
    }

    private void whole() {
        a.zero(zero());
        a.everywhere(share(), 1f / form.pixels);
        int most = SumBlock.most(set) / PER_VECTOR;
        ColumnBlock.forEach(a, form.storage, form.columns, most, this::block);
    }

    private void block(ColumnBlock block) {
        for (int v = 0; v < block.count(); v++) {
            a.load(kept(v, SCALE), RSI.at(block.floats(v)), block.tail(v));
            a.load(kept(v, SHIFT), RSI.at(form.affineRow + block.floats(v)), block.tail(v));
        }
        a.addressOf(R8, RDI.at(block.start()));
        a.addressOf(R9, RDX.at(block.start() / form.storage.bytes() * form.outStorage.bytes()));
        a.repeat(form.images, R15, () -> image(block));
    }

    private void image(ColumnBlock block) {
        for (int v = 0; v < block.count(); v++) {
            a.zero(kept(v, SUM));
        }
        a.repeat(
                form.pixels,
                R12,
                () -> {
                    for (int v = 0; v < block.count(); v++) {
                        form.storage.load(a, x(), R8.at(block.at(v)), block.tail(v));
                        a.multiplyAdd(x(), kept(v, SCALE), kept(v, SHIFT));
                        a.maximum(x(), zero(), x());
                        a.add(kept(v, SUM), kept(v, SUM), x());
                    }
                    a.add(R8, form.xRow);
                });
        for (int v = 0; v < block.count(); v++) {
            a.multiply(kept(v, SUM), kept(v, SUM), share());
            long at = v * form.outStorage.vectorBytes(set);
            form.outStorage.store(a, kept(v, SUM), R9.at(at), block.tail(v));
        }
        a.add(R9, form.outRow);
    }

    /** What is kept of a vector of channels all along. */
    private static Vector kept(int v, int i) {
        return v(PER_VECTOR * v + i);
    }

    private Vector x() {
        return v(SumBlock.firstFree(set));
    }

    private Vector zero() {
        return v(SumBlock.firstFree(set) + 1);
    }

    /** A pixel's share of the average. */
    private Vector share() {
        return v(SumBlock.firstFree(set) + 2);
    }
}

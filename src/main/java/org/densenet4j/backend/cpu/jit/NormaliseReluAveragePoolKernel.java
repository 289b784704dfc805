package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R13;
import static org.densenet4j.backend.cpu.asm.Register.R14;
import static org.densenet4j.backend.cpu.asm.Register.R15;
import static org.densenet4j.backend.cpu.asm.Register.R8;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Register.RAX;
import static org.densenet4j.backend.cpu.asm.Register.RBX;
import static org.densenet4j.backend.cpu.asm.Register.RCX;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Register.RDX;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * {@code out = average over 2x2 of max(0, x·scale + shift)}, odd edges dropped: a transition's
 * normalisation and pooling, in front of its convolution.
 *
 * <pre>
 * x [images·height·width, C] strided      scale, shift [2, C]      out [images·⌊h/2⌋·⌊w/2⌋, C]
 * </pre>
 *
 * Moves x and out once, in their order in memory.
 */
public final class NormaliseReluAveragePoolKernel extends Kernel {
    private static final Vector SCALE = v(8);
    private static final Vector SHIFT = v(9);
    private static final Vector QUARTER = v(10);
    private static final Vector ZERO = v(11);

    private final Form form;
    private Tail tail;

    /**
     * What is compiled. Distances are in bytes.
     *
     * @param storage of x and out
     * @param columns C
     * @param xRow from pixel to pixel of x
     * @param outRow from pixel to pixel of out
     * @param affineRow from scale to shift
     */
    public record Form(
            Storage storage,
            int images,
            int height,
            int width,
            int columns,
            long xRow,
            long outRow,
            long affineRow) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public NormaliseReluAveragePoolKernel(InstructionSet set, Form form) {
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
        a.zero(ZERO);
        a.everywhere(QUARTER, 0.25f);
        tail = a.tail(form.columns);
        long line = form.width * form.xRow;
        a.repeat(
                form.images,
                R15,
                () -> {
                    a.repeat(
                            form.height / 2,
                            R12,
                            () -> {
                                a.repeat(form.width / 2, R13, this::pixel);
                                a.add(RDI, form.width % 2 * form.xRow + line);
                            });
                    a.add(RDI, form.height % 2 * line);
                });
    }

    /** RDI is at the upper left of four pixels, RDX at the result. */
    private void pixel() {
        a.copy(R8, RDI);
        a.copy(R9, RDX);
        a.copy(RAX, RSI);
        a.addressOf(RBX, RSI.at(form.affineRow));
        a.addressOf(RCX, RDI.at(form.width * form.xRow));
        Loops.forEachVector(
                a,
                form.columns,
                tail,
                R14,
                this::vector,
                () -> {
                    a.add(R8, form.storage.vectorBytes(set));
                    a.add(RCX, form.storage.vectorBytes(set));
                    a.add(R9, form.storage.vectorBytes(set));
                    a.add(RAX, set.vectorBytes());
                    a.add(RBX, set.vectorBytes());
                });
        a.add(RDI, 2 * form.xRow);
        a.add(RDX, form.outRow);
    }

    private void vector(Tail some) {
        a.load(SCALE, RAX.at(0), some);
        a.load(SHIFT, RBX.at(0), some);
        Address[] pixels = {R8.at(0), R8.at(form.xRow), RCX.at(0), RCX.at(form.xRow)};
        for (int i = 0; i < pixels.length; i++) {
            form.storage.load(a, v(i), pixels[i], some);
            a.multiplyAdd(v(i), SCALE, SHIFT);
            a.maximum(v(i), ZERO, v(i));
        }
        a.add(v(0), v(0), v(1));
        a.add(v(2), v(2), v(3));
        a.add(v(0), v(0), v(2));
        a.multiply(v(0), v(0), QUARTER);
        form.storage.store(a, v(0), R9.at(0), some);
    }
}

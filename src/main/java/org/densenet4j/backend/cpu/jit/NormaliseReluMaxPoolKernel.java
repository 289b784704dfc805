package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R10;
import static org.densenet4j.backend.cpu.asm.Register.R11;
import static org.densenet4j.backend.cpu.asm.Register.R14;
import static org.densenet4j.backend.cpu.asm.Register.R8;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Register.RAX;
import static org.densenet4j.backend.cpu.asm.Register.RBP;
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

import java.util.List;

/**
 * The stem's {@code max over 3x3 of max(0, x·scale + shift)} (stride 2, padding 1), or its
 * gradient:
 *
 * <pre>
 * out = the largest                    x [images·h·w, C]      out [images·⌈h/2⌉·⌈w/2⌉, C]
 * dX += dOut at the first largest      where it is positive
 * </pre>
 *
 * Every input is normalised once for each window that it is in, 2.25 times on average, instead of
 * being kept. Moves x and dX about once.
 */
public final class NormaliseReluMaxPoolKernel extends Kernel {
    private static final Vector LARGEST = v(9);
    private static final Vector SCALE = v(10);
    private static final Vector SHIFT = v(11);
    private static final Vector GRADIENT = v(12);
    private static final Vector ZERO = v(13);

    /** Once all pixels are normalised. */
    private static final Vector GIVEN = SCALE;

    private static final Vector SUM = SHIFT;

    private final Form form;
    private Tail tail;

    /**
     * What is compiled. Distances are in bytes.
     *
     * @param storage of x, out and their gradients
     * @param columns C
     * @param gradient whether it is the gradient's code
     * @param xRow from pixel to pixel of x
     * @param gradientRow from pixel to pixel of dX, 0 without
     * @param outRow from pixel to pixel of out or dOut
     * @param affineRow from scale to shift
     */
    public record Form(
            Storage storage,
            int images,
            int height,
            int width,
            int columns,
            boolean gradient,
            long xRow,
            long gradientRow,
            long outRow,
            long affineRow) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public NormaliseReluMaxPoolKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        compile(this::whole);
    }

    /**
     * Runs; all are addresses.
     *
     * @param out written, or dOut where it is the gradient's code
     * @param gradient dX, which is added to; not used without
     * @throws IllegalStateException when closed
     */
    public void run(long x, long affine, long out, long gradient) {
        call(x, affine, out, gradient, 0);
    }

    private void whole() {
        a.zero(ZERO);
        tail = a.tail(form.columns);
        a.copy(R8, RDI);
        a.copy(R9, RCX);
        a.copy(R10, RDX);
        new MaxPoolWindows(a, form.height, form.width, form.xRow, form.gradientRow, form.outRow)
                .forEach(form.images, this::window);
    }

    private void window(List<Integer> pixels) {
        a.copy(RAX, R8);
        a.copy(RBX, R9);
        a.copy(RBP, R10);
        a.copy(RCX, RSI);
        a.addressOf(R11, RSI.at(form.affineRow));
        Loops.forEachVector(
                a,
                form.columns,
                tail,
                R14,
                some -> vector(pixels, some),
                () -> {
                    a.add(RAX, form.storage.vectorBytes(set));
                    a.add(RBX, form.storage.vectorBytes(set));
                    a.add(RBP, form.storage.vectorBytes(set));
                    a.add(RCX, set.vectorBytes());
                    a.add(R11, set.vectorBytes());
                });
    }

    private void vector(List<Integer> pixels, Tail some) {
        a.load(SCALE, RCX.at(0), some);
        a.load(SHIFT, R11.at(0), some);
        a.copy(LARGEST, ZERO);
        for (int i = 0; i < pixels.size(); i++) {
            form.storage.load(a, v(i), RAX.at(pixels.get(i) * form.xRow), some);
            a.multiplyAdd(v(i), SCALE, SHIFT);
            a.maximum(LARGEST, LARGEST, v(i));
        }
        if (!form.gradient) {
            form.storage.store(a, LARGEST, RBP.at(0), some);
            return;
        }
        form.storage.load(a, GRADIENT, RBP.at(0), some);
        a.keepWherePositive(GRADIENT, LARGEST, ZERO);
        for (int i = 0; i < pixels.size(); i++) {
            Address to = RBX.at(pixels.get(i) * form.gradientRow);
            // What has been given is no longer there for the next that is as large.
            a.copy(GIVEN, GRADIENT);
            a.keepWhereEqual(GIVEN, v(i), LARGEST);
            a.subtract(GRADIENT, GRADIENT, GIVEN);
            form.storage.load(a, SUM, to, some);
            a.add(SUM, SUM, GIVEN);
            form.storage.store(a, SUM, to, some);
        }
    }
}

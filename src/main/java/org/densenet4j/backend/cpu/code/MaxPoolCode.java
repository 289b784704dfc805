package org.densenet4j.backend.cpu.code;

import static org.densenet4j.backend.cpu.code.Register.R10;
import static org.densenet4j.backend.cpu.code.Register.R11;
import static org.densenet4j.backend.cpu.code.Register.R14;
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
public final class MaxPoolCode implements AutoCloseable {
    private static final Zmm LARGEST = zmm(9);
    private static final Zmm SCALE = zmm(10);
    private static final Zmm SHIFT = zmm(11);
    private static final Zmm GRADIENT = zmm(12);
    private static final Zmm GIVEN = zmm(13);
    private static final Zmm SUM = zmm(14);

    private final Assembler a = new Assembler();
    private final Form form;
    private final NativeCode code;

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
    public MaxPoolCode(Form form) {
        this.form = form;
        this.code = new NativeCode(whole());
    }

    /**
     * Runs; all are addresses.
     *
     * @param out written, or dOut where it is the gradient's code
     * @param gradient dX, which is added to; not used without
     * @throws IllegalStateException when closed
     */
    public void run(long x, long affine, long out, long gradient) {
        code.call(x, affine, out, gradient, 0);
    }

    @Override
    public void close() {
        code.close();
    }

    private byte[] whole() {
        a.enter();
        a.zero(RowPasses.ZERO);
        a.first(Mask.K1, form.columns % Zmm.FLOATS);
        a.copy(R8, RDI);
        a.copy(R9, RCX);
        a.copy(R10, RDX);
        new MaxPoolWindows(a, form.height, form.width, form.xRow, form.gradientRow, form.outRow)
                .forEach(form.images, this::window);
        a.leave();
        return a.bytes();
    }

    private void window(List<Integer> pixels) {
        a.copy(RAX, R8);
        a.copy(RBX, R9);
        a.copy(RBP, R10);
        a.copy(RCX, RSI);
        a.addressOf(R11, RSI.at(form.affineRow));
        a.repeat(
                form.columns / Zmm.FLOATS,
                R14,
                () -> {
                    vector(pixels, Mask.K0);
                    a.add(RAX, form.storage.vectorBytes());
                    a.add(RBX, form.storage.vectorBytes());
                    a.add(RBP, form.storage.vectorBytes());
                    a.add(RCX, Zmm.BYTES);
                    a.add(R11, Zmm.BYTES);
                });
        if (form.columns % Zmm.FLOATS > 0) {
            vector(pixels, Mask.K1);
        }
    }

    private void vector(List<Integer> pixels, Mask mask) {
        a.load(SCALE, RCX.at(0), mask);
        a.load(SHIFT, R11.at(0), mask);
        a.copy(LARGEST, RowPasses.ZERO);
        for (int i = 0; i < pixels.size(); i++) {
            form.storage.load(a, zmm(i), RAX.at(pixels.get(i) * form.xRow), mask);
            a.multiplyAdd(zmm(i), SCALE, SHIFT);
            a.maximum(LARGEST, LARGEST, zmm(i));
        }
        if (!form.gradient) {
            form.storage.store(a, LARGEST, RBP.at(0), mask);
            return;
        }
        form.storage.load(a, GRADIENT, RBP.at(0), mask);
        a.less(Mask.K3, RowPasses.ZERO, LARGEST, mask);
        a.keep(GRADIENT, Mask.K3);
        for (int i = 0; i < pixels.size(); i++) {
            Address to = RBX.at(pixels.get(i) * form.gradientRow);
            // What has been given is no longer there for the next that is as large.
            a.equal(Mask.K3, zmm(i), LARGEST, mask);
            a.copy(GIVEN, GRADIENT);
            a.keep(GIVEN, Mask.K3);
            a.subtract(GRADIENT, GRADIENT, GIVEN);
            form.storage.load(a, SUM, to, mask);
            a.add(SUM, SUM, GIVEN);
            form.storage.store(a, SUM, to, mask);
        }
    }
}

package org.densenet4j.backend.cpu.code;

import static org.densenet4j.backend.cpu.code.Register.R12;
import static org.densenet4j.backend.cpu.code.Register.R13;
import static org.densenet4j.backend.cpu.code.Register.R14;
import static org.densenet4j.backend.cpu.code.Register.R15;
import static org.densenet4j.backend.cpu.code.Register.R8;
import static org.densenet4j.backend.cpu.code.Register.R9;
import static org.densenet4j.backend.cpu.code.Register.RAX;
import static org.densenet4j.backend.cpu.code.Register.RBX;
import static org.densenet4j.backend.cpu.code.Register.RCX;
import static org.densenet4j.backend.cpu.code.Register.RDI;
import static org.densenet4j.backend.cpu.code.Register.RDX;
import static org.densenet4j.backend.cpu.code.Register.RSI;
import static org.densenet4j.backend.cpu.code.Zmm.zmm;

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
public final class AveragePoolCode implements AutoCloseable {
    private final Assembler a = new Assembler();
    private final Form form;
    private final NativeCode code;

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
    public AveragePoolCode(Form form) {
        this.form = form;
        this.code = new NativeCode(whole());
    }

    /**
     * Runs; all are addresses.
     *
     * @throws IllegalStateException when closed
     */
    public void run(long x, long affine, long out) {
        code.call(x, affine, out, 0, 0);
    }

    @Override
    public void close() {
        code.close();
    }

    private byte[] whole() {
        a.enter();
        a.zero(RowPasses.ZERO);
        a.everywhere(zmm(30), 0.25f);
        a.first(Mask.K1, form.columns % Zmm.FLOATS);
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
        a.leave();
        return a.bytes();
    }

    /** RDI is at the upper left of four pixels, RDX at the result. */
    private void pixel() {
        a.copy(R8, RDI);
        a.copy(R9, RDX);
        a.copy(RAX, RSI);
        a.addressOf(RBX, RSI.at(form.affineRow));
        a.addressOf(RCX, RDI.at(form.width * form.xRow));
        a.repeat(
                form.columns / Zmm.FLOATS,
                R14,
                () -> {
                    vector(Mask.K0);
                    a.add(R8, form.storage.vectorBytes());
                    a.add(RCX, form.storage.vectorBytes());
                    a.add(R9, form.storage.vectorBytes());
                    a.add(RAX, Zmm.BYTES);
                    a.add(RBX, Zmm.BYTES);
                });
        if (form.columns % Zmm.FLOATS > 0) {
            vector(Mask.K1);
        }
        a.add(RDI, 2 * form.xRow);
        a.add(RDX, form.outRow);
    }

    private void vector(Mask mask) {
        a.load(zmm(8), RAX.at(0), mask);
        a.load(zmm(9), RBX.at(0), mask);
        Address[] pixels = {R8.at(0), R8.at(form.xRow), RCX.at(0), RCX.at(form.xRow)};
        for (int i = 0; i < pixels.length; i++) {
            form.storage.load(a, zmm(i), pixels[i], mask);
            a.multiplyAdd(zmm(i), zmm(8), zmm(9));
            a.maximum(zmm(i), RowPasses.ZERO, zmm(i));
        }
        a.add(zmm(0), zmm(0), zmm(1));
        a.add(zmm(2), zmm(2), zmm(3));
        a.add(zmm(0), zmm(0), zmm(2));
        a.multiply(zmm(0), zmm(0), zmm(30));
        form.storage.store(a, zmm(0), R9.at(0), mask);
    }
}

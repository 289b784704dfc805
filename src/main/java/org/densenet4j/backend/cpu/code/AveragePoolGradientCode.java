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

/**
 * The gradient of {@link AveragePoolCode}, which begins a block's gradient matrix G, or adds to it:
 *
 * <pre>
 * g = ¼·dOut of the pixel's window where x·scale + shift is positive, 0 on odd edges
 * sums += Σ g,  products += Σ g·(x − mean)
 * G (+)= weight·g
 * </pre>
 *
 * The four pixels of a window at a time. Moves dOut, x and G once, in their order in memory.
 */
public final class AveragePoolGradientCode implements AutoCloseable {
    private static final int POOLED = 0;
    private static final int X = 8;
    private static final int AFFINE = 16;
    private static final int MEAN = 24;
    private static final int WEIGHT = 32;
    private static final int GRADIENT = 40;
    private static final int SUMS = 48;

    /** Bytes of arguments. */
    public static final int ARGUMENTS = 56;

    private static final int PIXELS = 4;

    private final Assembler a = new Assembler();
    private final Form form;
    private final NativeCode code;

    /**
     * What is compiled. Distances are in bytes.
     *
     * @param storage of dOut, x and G
     * @param columns C
     * @param adds whether G is added to
     * @param pooledRow from pixel to pixel of dOut
     * @param xRow from pixel to pixel of x
     * @param gradientRow from pixel to pixel of G
     * @param affineRow from scale to shift
     * @param sumsRow from sums to products
     */
    public record Form(
            Storage storage,
            int images,
            int height,
            int width,
            int columns,
            boolean adds,
            long pooledRow,
            long xRow,
            long gradientRow,
            long affineRow,
            long sumsRow) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public AveragePoolGradientCode(Form form) {
        this.form = form;
        this.code = new NativeCode(whole());
    }

    /**
     * Runs; all but the first are addresses.
     *
     * @param arguments memory for the arguments
     * @param sums of g and, behind them, of products; added to
     * @throws IllegalStateException when closed
     */
    public void run(
            MemorySegment arguments,
            long pooled,
            long x,
            long affine,
            long mean,
            long weight,
            long gradient,
            long sums) {
        arguments.set(JAVA_LONG, POOLED, pooled);
        arguments.set(JAVA_LONG, X, x);
        arguments.set(JAVA_LONG, AFFINE, affine);
        arguments.set(JAVA_LONG, MEAN, mean);
        arguments.set(JAVA_LONG, WEIGHT, weight);
        arguments.set(JAVA_LONG, GRADIENT, gradient);
        arguments.set(JAVA_LONG, SUMS, sums);
        code.call(arguments);
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
        a.load(R8, RDI.at(POOLED));
        a.load(R9, RDI.at(X));
        a.load(R10, RDI.at(GRADIENT));
        long line = form.width * form.xRow;
        long gradientLine = form.width * form.gradientRow;
        a.repeat(
                form.images,
                R15,
                () -> {
                    a.repeat(
                            form.height / 2,
                            R12,
                            () -> {
                                a.repeat(form.width / 2, R13, this::window);
                                if (form.width % 2 > 0) {
                                    a.addressOf(R11, R10.at(gradientLine));
                                    nothing(1);
                                    a.copy(RBP, R10);
                                    a.copy(R10, R11);
                                    nothing(1);
                                    a.copy(R10, RBP);
                                }
                                a.add(R9, form.width % 2 * form.xRow + line);
                                a.add(R10, gradientLine);
                            });
                    if (form.height % 2 > 0) {
                        nothing(form.width);
                        a.add(R9, line);
                    }
                });
        a.leave();
        return a.bytes();
    }

    /** Zeros into, or added to, some pixels of G, from R10 on, which moves behind them. */
    private void nothing(int pixels) {
        if (form.adds) {
            a.add(R10, pixels * form.gradientRow);
            return;
        }
        a.repeat(
                pixels,
                R13,
                () -> {
                    a.copy(RAX, R10);
                    a.repeat(
                            form.columns / Zmm.FLOATS,
                            R14,
                            () -> {
                                a.zero(zmm(0));
                                form.storage.store(a, zmm(0), RAX.at(0), Mask.K0);
                                a.add(RAX, form.storage.vectorBytes());
                            });
                    if (form.columns % Zmm.FLOATS > 0) {
                        a.zero(zmm(0));
                        form.storage.store(a, zmm(0), RAX.at(0), Mask.K1);
                    }
                    a.add(R10, form.gradientRow);
                });
    }

    /**
     * Four pixels, from R9 and R10 on, and their dOut at R8. R11 counts bytes of floats, RBP those
     * of stored elements.
     */
    private void window() {
        a.set(R11, 0);
        a.set(RBP, 0);
        a.repeat(
                form.columns / Zmm.FLOATS,
                R14,
                () -> {
                    vector(Mask.K0);
                    a.add(R11, Zmm.BYTES);
                    a.add(RBP, form.storage.vectorBytes());
                });
        if (form.columns % Zmm.FLOATS > 0) {
            vector(Mask.K1);
        }
        a.add(R8, form.pooledRow);
        a.add(R9, 2 * form.xRow);
        a.add(R10, 2 * form.gradientRow);
    }

    private void vector(Mask mask) {
        Zmm scale = zmm(16);
        Zmm shift = zmm(17);
        Zmm mean = zmm(18);
        Zmm weight = zmm(19);
        Zmm sum = zmm(20);
        Zmm products = zmm(21);
        Zmm pooled = zmm(22);
        channel(scale, AFFINE, 0, mask);
        channel(shift, AFFINE, form.affineRow, mask);
        channel(mean, MEAN, 0, mask);
        channel(weight, WEIGHT, 0, mask);
        channel(sum, SUMS, 0, mask);
        a.load(products, RAX.at(form.sumsRow), mask);
        a.copy(RBX, R8);
        a.add(RBX, RBP);
        form.storage.load(a, pooled, RBX.at(0), mask);
        a.multiply(pooled, pooled, zmm(30));
        a.copy(RCX, R9);
        a.add(RCX, RBP);
        a.copy(RDX, R10);
        a.add(RDX, RBP);
        a.addressOf(RSI, RDX.at(form.width * form.gradientRow));
        for (int i = 0; i < PIXELS; i++) {
            Zmm x = zmm(2 * i);
            Zmm g = zmm(2 * i + 1);
            form.storage.load(a, x, RCX.at((i / 2 * form.width + i % 2) * form.xRow), mask);
            a.copy(g, x);
            a.multiplyAdd(g, scale, shift);
            a.less(Mask.K3, RowPasses.ZERO, g, mask);
            a.copy(g, pooled);
            a.keep(g, Mask.K3);
            a.subtract(x, x, mean);
            a.add(sum, sum, g);
            a.addProduct(products, x, g);
            Address to = (i < 2 ? RDX : RSI).at(i % 2 * form.gradientRow);
            if (form.adds) {
                form.storage.load(a, x, to, mask);
                a.multiplyAdd(g, weight, x);
            } else {
                a.multiply(g, g, weight);
            }
            form.storage.store(a, g, to, mask);
        }
        a.store(sum, RAX.at(0), mask);
        a.store(products, RAX.at(form.sumsRow), mask);
    }

    /** Loads a vector of a value per channel; leaves its address in RAX, less the offset. */
    private void channel(Zmm to, int argument, long offset, Mask mask) {
        a.load(RAX, RDI.at(argument));
        a.add(RAX, R11);
        a.load(to, RAX.at(offset), mask);
    }
}

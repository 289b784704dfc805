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
import static org.densenet4j.backend.cpu.asm.Register.RCX;
import static org.densenet4j.backend.cpu.asm.Register.RDX;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * The gradient of {@link NormaliseReluAveragePoolKernel}, which begins a block's gradient matrix G,
 * or adds to it:
 *
 * <pre>
 * g = ¼·dOut of the pixel's window where x·scale + shift is positive, 0 on odd edges
 * sums += Σ g,  products += Σ g·(x − mean)
 * G (+)= weight·g
 * </pre>
 *
 * The four pixels of a window at a time. Moves dOut, x and G once, in their order in memory.
 */
public final class AccumulateGradientAveragePoolKernel extends Kernel {
    /** Addresses; sums of g and, behind them, of products are added to. */
    public enum Argument {
        POOLED,
        X,
        AFFINE,
        MEAN,
        WEIGHT,
        GRADIENT,
        SUMS
    }

    private static final Vector SCALE = v(3);
    private static final Vector SHIFT = v(4);
    private static final Vector MEAN = v(5);
    private static final Vector WEIGHT = v(6);
    private static final Vector SUM = v(7);
    private static final Vector PRODUCTS = v(8);
    private static final Vector POOLED = v(9);
    private static final Vector QUARTER = v(10);
    private static final Vector ZERO = v(11);

    private static final int PIXELS = 4;

    private final Form form;
    private Tail tail;

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
    public AccumulateGradientAveragePoolKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        compile(this::whole);
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
        a.zero(ZERO);
        a.everywhere(QUARTER, 0.25f);
        tail = a.tail(form.columns);
        a.load(R8, argument(Argument.POOLED));
        a.load(R9, argument(Argument.X));
        a.load(R10, argument(Argument.GRADIENT));
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
                    Loops.forEachVector(
                            a,
                            form.columns,
                            tail,
                            R14,
                            some -> {
                                a.zero(v(0));
                                form.storage.store(a, v(0), RAX.at(0), some);
                            },
                            () -> a.add(RAX, form.storage.vectorBytes(set)));
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
        Loops.forEachVector(
                a,
                form.columns,
                tail,
                R14,
                this::vector,
                () -> {
                    a.add(R11, set.vectorBytes());
                    a.add(RBP, form.storage.vectorBytes(set));
                });
        a.add(R8, form.pooledRow);
        a.add(R9, 2 * form.xRow);
        a.add(R10, 2 * form.gradientRow);
    }

    private void vector(Tail some) {
        channel(SCALE, Argument.AFFINE, 0, some);
        channel(SHIFT, Argument.AFFINE, form.affineRow, some);
        channel(MEAN, Argument.MEAN, 0, some);
        channel(WEIGHT, Argument.WEIGHT, 0, some);
        channel(SUM, Argument.SUMS, 0, some);
        a.load(PRODUCTS, RAX.at(form.sumsRow), some);
        a.copy(RBX, R8);
        a.add(RBX, RBP);
        form.storage.load(a, POOLED, RBX.at(0), some);
        a.multiply(POOLED, POOLED, QUARTER);
        a.copy(RCX, R9);
        a.add(RCX, RBP);
        a.copy(RDX, R10);
        a.add(RDX, RBP);
        a.addressOf(RSI, RDX.at(form.width * form.gradientRow));
        Vector x = v(0);
        Vector g = v(1);
        Vector y = v(2);
        for (int i = 0; i < PIXELS; i++) {
            form.storage.load(a, x, RCX.at((i / 2 * form.width + i % 2) * form.xRow), some);
            a.copy(y, x);
            a.multiplyAdd(y, SCALE, SHIFT);
            a.copy(g, POOLED);
            a.keepWherePositive(g, y, ZERO);
            a.subtract(x, x, MEAN);
            a.add(SUM, SUM, g);
            a.addProduct(PRODUCTS, x, g);
            Address to = (i < 2 ? RDX : RSI).at(i % 2 * form.gradientRow);
            if (form.adds) {
                form.storage.load(a, x, to, some);
                a.multiplyAdd(g, WEIGHT, x);
            } else {
                a.multiply(g, g, WEIGHT);
            }
            form.storage.store(a, g, to, some);
        }
        a.store(SUM, RAX.at(0), some);
        a.store(PRODUCTS, RAX.at(form.sumsRow), some);
    }

    /** Loads a vector of a value per channel; leaves its address in RAX, less the offset. */
    private void channel(Vector to, Argument argument, long offset, Tail some) {
        a.load(RAX, argument(argument));
        a.add(RAX, R11);
        a.load(to, RAX.at(offset), some);
    }
}

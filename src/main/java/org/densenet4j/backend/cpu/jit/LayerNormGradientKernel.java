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
import static org.densenet4j.backend.cpu.asm.Register.RBX;
import static org.densenet4j.backend.cpu.asm.Register.RCX;
import static org.densenet4j.backend.cpu.asm.Register.RDX;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * The gradient through a {@link LayerNormKernel layer normalisation}, and what the rows add to the
 * gradients of β and γ:
 *
 * <pre>
 * h = (x − mean)·inverse      t = g·γ      out = inverse·(t − mean(t) − h·mean(t·h))
 * sums of β += Σ g            sums of γ += Σ g·h
 *
 * g, x, out [rows, C] strided      γ [C]      statistics [rows, 2]      sums [2, C]
 * </pre>
 *
 * A row is read twice, from the first-level cache the second time.
 */
public final class LayerNormGradientKernel extends Kernel {
    private static final int OF_T = 0;
    private static final int OF_PRODUCTS = 1;
    private static final RowSums SUMS = new RowSums(2);
    private static final int FREE = SUMS.registers();
    private static final Vector G = v(FREE);
    private static final Vector H = v(FREE + 1);
    private static final Vector T = v(FREE + 2);
    private static final Vector MEAN = v(FREE + 3);
    private static final Vector INVERSE = v(FREE + 4);
    private static final Vector GAMMA = v(FREE + 5);
    private static final Vector SUM = GAMMA; // γ is no longer needed where a sum is read

    /** Addresses. */
    public enum Argument {
        GRADIENT,
        X,
        GAMMA,
        STATISTICS,
        SUMS,
        OUT
    }

    private final Form form;
    private Tail tail;

    /**
     * What is compiled. Distances are in bytes.
     *
     * @param columns C
     * @param gradientRow from row to row of g
     * @param xRow from row to row of x
     * @param statisticsRow from row to row of the statistics
     * @param sumsRow from the sums of β to those of γ
     * @param outRow from row to row of the result
     */
    public record Form(
            Storage storage,
            int rows,
            int columns,
            long gradientRow,
            long xRow,
            long statisticsRow,
            long sumsRow,
            long outRow) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public LayerNormGradientKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        compile(this::whole);
    }

    /** Runs; the result may be the gradient. */
    public void run(Arguments arguments) {
        call(arguments);
    }

    private void whole() {
        tail = a.tail(form.columns);
        a.load(R8, argument(Argument.GRADIENT));
        a.load(R9, argument(Argument.X));
        a.load(R10, argument(Argument.GAMMA));
        a.load(R11, argument(Argument.STATISTICS));
        a.load(R15, argument(Argument.SUMS));
        a.load(R14, argument(Argument.OUT));
        a.repeat(
                form.rows,
                R13,
                () -> {
                    a.broadcast(MEAN, R11.at(0));
                    a.broadcast(INVERSE, R11.at(Float.BYTES));
                    sums();
                    gradient();
                    a.add(R8, form.gradientRow);
                    a.add(R9, form.xRow);
                    a.add(R11, form.statisticsRow);
                    a.add(R14, form.outRow);
                });
    }

    private void sums() {
        SUMS.zero(a);
        a.copy(RDX, R15);
        forEachVector(
                (vector, some) -> {
                    long floats = (long) vector * set.vectorBytes();
                    operands(vector, some);
                    a.multiply(T, G, GAMMA);
                    a.add(SUMS.of(OF_T, vector), SUMS.of(OF_T, vector), T);
                    a.addProduct(SUMS.of(OF_PRODUCTS, vector), T, H);
                    a.load(SUM, RDX.at(floats), some);
                    a.add(SUM, SUM, G);
                    a.store(SUM, RDX.at(floats), some);
                    a.load(SUM, RDX.at(form.sumsRow + floats), some);
                    a.addProduct(SUM, G, H);
                    a.store(SUM, RDX.at(form.sumsRow + floats), some);
                });
    }

    private void gradient() {
        a.everywhere(T, 1f / form.columns);
        Vector meanOfT = SUMS.total(a, OF_T);
        a.multiply(meanOfT, meanOfT, T);
        Vector meanOfProducts = SUMS.total(a, OF_PRODUCTS);
        a.multiply(meanOfProducts, meanOfProducts, T);
        a.copy(RSI, R14);
        forEachVector(
                (vector, some) -> {
                    operands(vector, some);
                    a.multiply(T, G, GAMMA);
                    a.subtract(T, T, meanOfT);
                    a.subtractProduct(T, H, meanOfProducts);
                    a.multiply(T, T, INVERSE);
                    form.storage.store(a, T, RSI.at(vector * form.storage.vectorBytes(set)), some);
                });
    }

    /** g, h and γ. What h is behind the last column does not matter: g is 0 there. */
    private void operands(int vector, Tail some) {
        long at = vector * form.storage.vectorBytes(set);
        form.storage.load(a, G, RAX.at(at), some);
        form.storage.load(a, H, RBX.at(at), some);
        a.subtract(H, H, MEAN);
        a.multiply(H, H, INVERSE);
        a.load(GAMMA, RCX.at((long) vector * set.vectorBytes()), some);
    }

    private void forEachVector(RowSums.OfVector body) {
        a.copy(RAX, R8);
        a.copy(RBX, R9);
        a.copy(RCX, R10);
        RowSums.forEachVector(
                a,
                form.columns,
                tail,
                R12,
                body,
                count -> {
                    a.add(RAX, count * form.storage.vectorBytes(set));
                    a.add(RBX, count * form.storage.vectorBytes(set));
                    a.add(RCX, (long) count * set.vectorBytes());
                    a.add(RDX, (long) count * set.vectorBytes());
                    a.add(RSI, count * form.storage.vectorBytes(set));
                });
    }
}

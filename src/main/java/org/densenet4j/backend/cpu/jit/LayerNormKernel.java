package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R10;
import static org.densenet4j.backend.cpu.asm.Register.R11;
import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R13;
import static org.densenet4j.backend.cpu.asm.Register.R8;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Register.RAX;
import static org.densenet4j.backend.cpu.asm.Register.RCX;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Register.RDX;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

import java.util.Arrays;

/**
 * Layer normalisation of each row over its columns: {@code out = (x − mean)·inverse·γ + β}, with
 * {@code inverse = 1/√(variance + ε)}.
 *
 * <pre>
 * x, out [rows, C] strided      γ, β [C]      statistics [rows, 2]: mean, inverse
 * </pre>
 *
 * A row is read three times, from the first-level cache the second and third time.
 */
public final class LayerNormKernel extends Kernel {
    private static final RowSums SUM = new RowSums(1);
    private static final int FREE = SUM.registers();
    private static final Vector X = v(FREE);
    private static final Vector MEAN = v(FREE + 1);
    private static final Vector INVERSE = v(FREE + 2);
    private static final Vector GAMMA = v(FREE + 3);
    private static final Vector BETA = v(FREE + 4);
    private static final Vector OF_COLUMNS = v(FREE + 5);
    private static final Vector CONSTANT = v(FREE + 6);

    private final Form form;
    private Tail tail;

    /**
     * What is compiled. Distances are in bytes.
     *
     * @param columns C
     * @param epsilon ε
     * @param xRow from row to row of x
     * @param statisticsRow from row to row of the statistics
     * @param outRow from row to row of the result
     */
    public record Form(
            Storage storage,
            int rows,
            int columns,
            float epsilon,
            long xRow,
            long statisticsRow,
            long outRow) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public LayerNormKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        compile(this::whole);
    }

    /**
     * Runs; all are addresses.
     *
     * @throws IllegalStateException when closed
     */
    public void run(long x, long gamma, long beta, long statistics, long out) {
        call(x, gamma, beta, statistics, out);
    }

    private void whole() {
        tail = a.tail(form.columns);
        Tail one = a.tail(1);
        a.everywhere(OF_COLUMNS, 1f / form.columns);
        a.repeat(
                form.rows,
                R13,
                () -> {
                    mean();
                    inverse();
                    a.store(MEAN, RCX.at(0), one);
                    a.store(INVERSE, RCX.at(Float.BYTES), one);
                    normalise();
                    a.add(RDI, form.xRow);
                    a.add(RCX, form.statisticsRow);
                    a.add(R8, form.outRow);
                });
    }

    private void mean() {
        SUM.zero(a);
        forEachVectorOfX(
                (vector, some) -> {
                    form.storage.load(a, X, x(vector), some);
                    a.add(SUM.of(0, vector), SUM.of(0, vector), X);
                });
        a.multiply(MEAN, SUM.total(a, 0), OF_COLUMNS);
    }

    private void inverse() {
        SUM.zero(a);
        forEachVectorOfX(
                (vector, some) -> {
                    form.storage.load(a, X, x(vector), some);
                    a.subtract(X, X, MEAN);
                    if (!some.isWhole()) {
                        a.constant(CONSTANT, ones(some));
                        a.multiply(X, X, CONSTANT);
                    }
                    a.addProduct(SUM.of(0, vector), X, X);
                });
        a.everywhere(INVERSE, form.epsilon);
        a.addProduct(INVERSE, SUM.total(a, 0), OF_COLUMNS);
        a.squareRoot(INVERSE, INVERSE);
        a.everywhere(CONSTANT, 1);
        a.divide(INVERSE, CONSTANT, INVERSE);
    }

    /** 1 where there is a column, and 0 behind the last. */
    private int[] ones(Tail some) {
        int[] words = new int[set.floats()];
        Arrays.fill(words, 0, some.elements(), Float.floatToRawIntBits(1));
        return words;
    }

    private void forEachVectorOfX(RowSums.OfVector body) {
        a.copy(RAX, RDI);
        RowSums.forEachVector(
                a,
                form.columns,
                tail,
                R12,
                body,
                count -> a.add(RAX, count * form.storage.vectorBytes(set)));
    }

    private Address x(int vector) {
        return RAX.at(vector * form.storage.vectorBytes(set));
    }

    private void normalise() {
        a.copy(RAX, RDI);
        a.copy(R9, RSI);
        a.copy(R10, RDX);
        a.copy(R11, R8);
        RowSums.forEachVector(
                a,
                form.columns,
                tail,
                R12,
                (vector, some) -> {
                    long floats = (long) vector * set.vectorBytes();
                    form.storage.load(a, X, x(vector), some);
                    a.subtract(X, X, MEAN);
                    a.multiply(X, X, INVERSE);
                    a.load(GAMMA, R9.at(floats), some);
                    a.load(BETA, R10.at(floats), some);
                    a.multiplyAdd(X, GAMMA, BETA);
                    form.storage.store(a, X, R11.at(vector * form.storage.vectorBytes(set)), some);
                },
                count -> {
                    a.add(RAX, count * form.storage.vectorBytes(set));
                    a.add(R9, (long) count * set.vectorBytes());
                    a.add(R10, (long) count * set.vectorBytes());
                    a.add(R11, count * form.storage.vectorBytes(set));
                });
    }
}

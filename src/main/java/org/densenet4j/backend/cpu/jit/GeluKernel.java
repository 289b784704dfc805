package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R13;
import static org.densenet4j.backend.cpu.asm.Register.R8;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Register.RAX;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Register.RDX;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * The Gaussian error linear unit {@code out = x·Φ(x)}, or its gradient {@code out = g·(Φ(x) +
 * x·φ(x))}, with the normal distribution Φ and its density φ.
 *
 * <p>With {@code a = |x|} and the tail {@code Q = Φ(−a)} the unit is {@code max(x, 0) − a·Q}. The
 * tail is {@code t·P(t)·exp(−x²/2)/2} with {@code t = 1/(1 + slope·a)} and a polynomial of the
 * seventh degree, which the caller gives; the reciprocal is an estimate and one step of Newton's
 * method, the exponential function that of the Cephes library ({@code expf}): the power of two
 * apart, and a polynomial of the sixth degree.
 */
public final class GeluKernel extends Kernel {
    /** Behind which the tail underflows. */
    private static final float FAR = 20;

    /** What {@code exp} is not below. */
    private static final float LEAST_EXPONENT = -87;

    private static final float LOG2_E = 1.44269504088896341f;
    private static final float LN_2_UPPER = 0.693359375f;
    private static final float LN_2_LOWER = -2.12194440e-4f;
    private static final int MANTISSA_BITS = 23;
    private static final float[] EXPONENTIAL = {
        1.9875691500e-4f,
        1.3981999507e-3f,
        8.3334519073e-3f,
        4.1665795894e-2f,
        1.6666665459e-1f,
        5.0000001201e-1f
    };

    /** Registers of each vector that is worked on. */
    private enum Of {
        X,
        MAGNITUDE,
        RECIPROCAL,
        TAIL,
        DENSITY,
        POWER,
        RESULT
    }

    private static final int EACH = Of.values().length;

    private final Form form;
    private final Approximation of;
    private final int width;
    private final Vector constant;
    private final Vector zero;
    private final Vector one;

    /**
     * How the tail is approximated.
     *
     * @param slope of a in 1/t
     * @param polynomial coefficients of P, that of the highest power first
     * @param density 1/√(2π)
     */
    public record Approximation(float slope, float density, float... polynomial) {}

    /**
     * What is compiled. Distances are in bytes.
     *
     * @param gradient whether the result is the gradient, not the unit
     * @param gradientRow from row to row of g
     * @param xRow from row to row of x
     * @param outRow from row to row of the result
     */
    public record Form(
            Storage storage,
            int rows,
            int columns,
            boolean gradient,
            long gradientRow,
            long xRow,
            long outRow) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public GeluKernel(InstructionSet set, Form form, Approximation of) {
        super(set);
        this.form = form;
        this.of = of;
        int free = set.registers() - 1; // but for the last, which may be overwritten
        this.width = (free - 3) / EACH;
        this.constant = v(width * EACH);
        this.zero = v(width * EACH + 1);
        this.one = v(width * EACH + 2);
        compile(this::whole);
    }

    /**
     * Runs; all are addresses.
     *
     * @param gradient not read where the result is the unit
     * @param out may be x or the gradient
     * @throws IllegalStateException when closed
     */
    public void run(long gradient, long x, long out) {
        call(gradient, x, out, 0, 0);
    }

    private void whole() {
        Tail tail = a.tail(form.columns);
        a.zero(zero);
        a.everywhere(one, 1);
        a.repeat(
                form.rows,
                R13,
                () -> {
                    a.copy(RAX, RDI);
                    a.copy(R8, RSI);
                    a.copy(R9, RDX);
                    Loops.inVectors(
                            a,
                            form.columns,
                            tail,
                            width,
                            R12,
                            this::vectors,
                            count -> {
                                long bytes = count * form.storage.vectorBytes(set);
                                a.add(RAX, bytes);
                                a.add(R8, bytes);
                                a.add(R9, bytes);
                            });
                    a.add(RDI, form.gradientRow);
                    a.add(RSI, form.xRow);
                    a.add(RDX, form.outRow);
                });
    }

    private static Vector of(int vector, Of which) {
        return v(vector * EACH + which.ordinal());
    }

    /** An instruction, for each of the vectors that are worked on side by side. */
    private interface Each {
        void write(int vector);
    }

    private static void each(int count, Each instruction) {
        for (int i = 0; i < count; i++) {
            instruction.write(i);
        }
    }

    /** Some vectors side by side, so that one's instructions run while another's are waited for. */
    private void vectors(int count, Tail some) {
        long bytes = form.storage.vectorBytes(set);
        each(count, i -> form.storage.load(a, of(i, Of.X), R8.at(i * bytes), some));
        exponential(count);
        tail(count);
        if (form.gradient) {
            slope(count);
            // The reciprocal is no longer needed.
            each(count, i -> form.storage.load(a, of(i, Of.RECIPROCAL), RAX.at(i * bytes), some));
            each(count, i -> a.multiply(of(i, Of.RESULT), of(i, Of.RESULT), of(i, Of.RECIPROCAL)));
        } else {
            each(count, i -> a.maximum(of(i, Of.RESULT), zero, of(i, Of.X)));
            each(
                    count,
                    i -> a.subtractProduct(of(i, Of.RESULT), of(i, Of.MAGNITUDE), of(i, Of.TAIL)));
        }
        each(count, i -> form.storage.store(a, of(i, Of.RESULT), R9.at(i * bytes), some));
    }

    /** {@code exp(−x²/2)}, which is φ(x) but for a factor. */
    private void exponential(int count) {
        each(count, i -> a.multiply(of(i, Of.DENSITY), of(i, Of.X), of(i, Of.X)));
        a.everywhere(constant, -0.5f);
        each(count, i -> a.multiply(of(i, Of.DENSITY), of(i, Of.DENSITY), constant));
        a.everywhere(constant, LEAST_EXPONENT);
        each(count, i -> a.maximum(of(i, Of.DENSITY), constant, of(i, Of.DENSITY)));
        a.everywhere(constant, LOG2_E);
        each(count, i -> a.multiply(of(i, Of.POWER), of(i, Of.DENSITY), constant));
        each(count, i -> a.toIntegers(of(i, Of.POWER), of(i, Of.POWER)));
        each(count, i -> a.toFloats(of(i, Of.RESULT), of(i, Of.POWER)));
        a.everywhere(constant, LN_2_UPPER);
        each(count, i -> a.subtractProduct(of(i, Of.DENSITY), of(i, Of.RESULT), constant));
        a.everywhere(constant, LN_2_LOWER);
        each(count, i -> a.subtractProduct(of(i, Of.DENSITY), of(i, Of.RESULT), constant));
        polynomial(count, Of.RESULT, Of.DENSITY, EXPONENTIAL);
        each(count, i -> a.multiply(of(i, Of.RECIPROCAL), of(i, Of.DENSITY), of(i, Of.DENSITY)));
        each(count, i -> a.multiplyAdd(of(i, Of.RESULT), of(i, Of.RECIPROCAL), of(i, Of.DENSITY)));
        each(count, i -> a.add(of(i, Of.RESULT), of(i, Of.RESULT), one));
        each(count, i -> a.shiftLeft(of(i, Of.POWER), MANTISSA_BITS));
        each(count, i -> a.addIntegers(of(i, Of.DENSITY), of(i, Of.RESULT), of(i, Of.POWER)));
    }

    /** Horner's scheme. */
    private void polynomial(int count, Of to, Of argument, float... coefficients) {
        a.everywhere(constant, coefficients[0]);
        each(count, i -> a.copy(of(i, to), constant));
        for (int c = 1; c < coefficients.length; c++) {
            a.everywhere(constant, coefficients[c]);
            each(count, i -> a.multiplyAdd(of(i, to), of(i, argument), constant));
        }
    }

    private void tail(int count) {
        each(count, i -> a.subtract(of(i, Of.MAGNITUDE), zero, of(i, Of.X)));
        each(count, i -> a.maximum(of(i, Of.MAGNITUDE), of(i, Of.MAGNITUDE), of(i, Of.X)));
        a.everywhere(constant, FAR);
        each(count, i -> a.minimum(of(i, Of.MAGNITUDE), constant, of(i, Of.MAGNITUDE)));
        a.everywhere(constant, of.slope);
        each(count, i -> a.copy(of(i, Of.RESULT), one));
        each(count, i -> a.addProduct(of(i, Of.RESULT), of(i, Of.MAGNITUDE), constant));
        each(count, i -> a.reciprocalEstimate(of(i, Of.RECIPROCAL), of(i, Of.RESULT)));
        a.everywhere(constant, 2);
        each(count, i -> a.copy(of(i, Of.TAIL), constant));
        each(count, i -> a.subtractProduct(of(i, Of.TAIL), of(i, Of.RESULT), of(i, Of.RECIPROCAL)));
        each(count, i -> a.multiply(of(i, Of.RECIPROCAL), of(i, Of.RECIPROCAL), of(i, Of.TAIL)));
        polynomial(count, Of.TAIL, Of.RECIPROCAL, of.polynomial);
        each(count, i -> a.multiply(of(i, Of.TAIL), of(i, Of.TAIL), of(i, Of.RECIPROCAL)));
        each(count, i -> a.multiply(of(i, Of.TAIL), of(i, Of.TAIL), of(i, Of.DENSITY)));
        a.everywhere(constant, 0.5f);
        each(count, i -> a.multiply(of(i, Of.TAIL), of(i, Of.TAIL), constant));
    }

    /** {@code Φ(x) + x·φ(x)}; Φ is the tail below zero, and 1 less the tail above. */
    private void slope(int count) {
        a.everywhere(constant, 2);
        each(count, i -> a.copy(of(i, Of.RESULT), one));
        each(count, i -> a.subtractProduct(of(i, Of.RESULT), of(i, Of.TAIL), constant));
        each(count, i -> a.keepWherePositive(of(i, Of.RESULT), of(i, Of.X), zero));
        each(count, i -> a.add(of(i, Of.RESULT), of(i, Of.RESULT), of(i, Of.TAIL)));
        each(count, i -> a.multiply(of(i, Of.MAGNITUDE), of(i, Of.X), of(i, Of.DENSITY)));
        a.everywhere(constant, of.density);
        each(count, i -> a.addProduct(of(i, Of.RESULT), of(i, Of.MAGNITUDE), constant));
    }
}

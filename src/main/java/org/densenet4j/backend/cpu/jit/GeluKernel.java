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

    private static final Vector X = v(0);
    private static final Vector MAGNITUDE = v(1);
    private static final Vector RECIPROCAL = v(2);
    private static final Vector TAIL = v(3);
    private static final Vector DENSITY = v(4);
    private static final Vector POWER = v(5);
    private static final Vector CONSTANT = v(6);
    private static final Vector RESULT = v(7);
    private static final Vector ZERO = v(8);
    private static final Vector ONE = v(9);
    private static final Vector GRADIENT = v(10);

    private final Form form;
    private final Approximation of;

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
        a.zero(ZERO);
        a.everywhere(ONE, 1);
        a.repeat(
                form.rows,
                R13,
                () -> {
                    a.copy(RAX, RDI);
                    a.copy(R8, RSI);
                    a.copy(R9, RDX);
                    Loops.forEachVector(a, form.columns, tail, R12, this::vector, this::next);
                    a.add(RDI, form.gradientRow);
                    a.add(RSI, form.xRow);
                    a.add(RDX, form.outRow);
                });
    }

    private void next() {
        a.add(RAX, form.storage.vectorBytes(set));
        a.add(R8, form.storage.vectorBytes(set));
        a.add(R9, form.storage.vectorBytes(set));
    }

    private void vector(Tail some) {
        form.storage.load(a, X, R8.at(0), some);
        exponential();
        tail();
        if (form.gradient) {
            form.storage.load(a, GRADIENT, RAX.at(0), some);
            slope();
            a.multiply(RESULT, RESULT, GRADIENT);
        } else {
            a.maximum(RESULT, ZERO, X);
            a.subtractProduct(RESULT, MAGNITUDE, TAIL);
        }
        form.storage.store(a, RESULT, R9.at(0), some);
    }

    /** {@code exp(−x²/2)}, which is φ(x) but for a factor. */
    private void exponential() {
        a.multiply(DENSITY, X, X);
        a.everywhere(CONSTANT, -0.5f);
        a.multiply(DENSITY, DENSITY, CONSTANT);
        a.everywhere(CONSTANT, LEAST_EXPONENT);
        a.maximum(DENSITY, CONSTANT, DENSITY);
        a.everywhere(CONSTANT, LOG2_E);
        a.multiply(POWER, DENSITY, CONSTANT);
        a.toIntegers(POWER, POWER);
        a.toFloats(RESULT, POWER);
        a.everywhere(CONSTANT, LN_2_UPPER);
        a.subtractProduct(DENSITY, RESULT, CONSTANT);
        a.everywhere(CONSTANT, LN_2_LOWER);
        a.subtractProduct(DENSITY, RESULT, CONSTANT);
        polynomial(RESULT, DENSITY, EXPONENTIAL);
        a.multiply(RECIPROCAL, DENSITY, DENSITY);
        a.multiplyAdd(RESULT, RECIPROCAL, DENSITY);
        a.add(RESULT, RESULT, ONE);
        a.shiftLeft(POWER, MANTISSA_BITS);
        a.addIntegers(DENSITY, RESULT, POWER);
    }

    /** Horner's scheme. */
    private void polynomial(Vector to, Vector of, float... coefficients) {
        a.everywhere(to, coefficients[0]);
        for (int i = 1; i < coefficients.length; i++) {
            a.everywhere(CONSTANT, coefficients[i]);
            a.multiplyAdd(to, of, CONSTANT);
        }
    }

    private void tail() {
        a.subtract(MAGNITUDE, ZERO, X);
        a.maximum(MAGNITUDE, MAGNITUDE, X);
        a.everywhere(CONSTANT, FAR);
        a.minimum(MAGNITUDE, CONSTANT, MAGNITUDE);
        a.everywhere(CONSTANT, of.slope);
        a.copy(RESULT, ONE);
        a.addProduct(RESULT, MAGNITUDE, CONSTANT);
        a.reciprocalEstimate(RECIPROCAL, RESULT);
        a.everywhere(CONSTANT, 2);
        a.subtractProduct(CONSTANT, RESULT, RECIPROCAL);
        a.multiply(RECIPROCAL, RECIPROCAL, CONSTANT);
        polynomial(TAIL, RECIPROCAL, of.polynomial);
        a.multiply(TAIL, TAIL, RECIPROCAL);
        a.multiply(TAIL, TAIL, DENSITY);
        a.everywhere(CONSTANT, 0.5f);
        a.multiply(TAIL, TAIL, CONSTANT);
    }

    /** {@code Φ(x) + x·φ(x)}; Φ is the tail below zero, and 1 less the tail above. */
    private void slope() {
        a.everywhere(CONSTANT, 2);
        a.copy(RESULT, ONE);
        a.subtractProduct(RESULT, TAIL, CONSTANT);
        a.keepWherePositive(RESULT, X, ZERO);
        a.add(RESULT, RESULT, TAIL);
        a.multiply(MAGNITUDE, X, DENSITY);
        a.everywhere(CONSTANT, of.density);
        a.addProduct(RESULT, MAGNITUDE, CONSTANT);
    }
}

package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.Assembler;
import org.densenet4j.backend.cpu.asm.Vector;

import java.util.function.IntConsumer;
import java.util.function.IntFunction;

/**
 * The one-dimensional transforms of Winograd's F(4x4, 3x3) (Lavin and Gray 2016, arXiv 1509.09308,
 * section 4.3) on vectors in registers. Each overwrites five registers; three behind them hold
 * constants.
 */
final class WinogradTransform {
    /** Registers that a transform overwrites. */
    static final int TEMPORARIES = 5;

    private final Vector s0;
    private final Vector s1;
    private final Vector s2;
    private final Vector s3;
    private final Vector s4;

    /** Constants: 2, 4 and 5 of the source, 2, 4 and 8 of the results. */
    private final Vector two;

    private final Vector four;
    private final Vector fiveOrEight;
    private final Assembler a;

    /**
     * Writes with an assembler.
     *
     * @param first of the registers that are overwritten
     */
    WinogradTransform(Assembler a, int first) {
        this.a = a;
        s0 = v(first);
        s1 = v(first + 1);
        s2 = v(first + 2);
        s3 = v(first + 3);
        s4 = v(first + 4);
        two = v(first + TEMPORARIES);
        four = v(first + TEMPORARIES + 1);
        fiveOrEight = v(first + TEMPORARIES + 2);
    }

    /** Sets the constants. */
    void constants(boolean source) {
        a.everywhere(two, 2);
        a.everywhere(four, 4);
        a.everywhere(fiveOrEight, source ? 5 : 8);
    }

    /** {@code Bᵀ} times six vectors in registers, the last of which is overwritten. */
    void source(IntFunction<Vector> d, ResultOf put) {
        a.copy(s0, d.apply(4));
        a.subtractProduct(s0, d.apply(2), four);
        a.copy(s1, d.apply(3));
        a.subtractProduct(s1, d.apply(1), four);
        a.add(s2, s0, s1);
        put.result(1, s2);
        a.subtract(s0, s0, s1);
        put.result(2, s0);
        a.subtract(s3, d.apply(4), d.apply(2));
        a.subtract(s4, d.apply(3), d.apply(1));
        a.copy(s2, s3);
        a.addProduct(s2, s4, two);
        put.result(3, s2);
        a.subtractProduct(s3, s4, two);
        put.result(4, s3);
        a.copy(s0, d.apply(4));
        a.subtractProduct(s0, d.apply(2), fiveOrEight);
        a.addProduct(s0, d.apply(0), four);
        put.result(0, s0);
        Vector last = d.apply(5);
        a.subtractProduct(last, d.apply(3), fiveOrEight);
        a.addProduct(last, d.apply(1), four);
        put.result(5, last);
    }

    /** {@code A} times four vectors in registers, of which the first and the last are results. */
    void gradient(IntFunction<Vector> y, ResultOf put) {
        a.add(s0, y.apply(0), y.apply(2));
        a.add(s1, y.apply(1), y.apply(3));
        put.result(0, y.apply(0));
        a.add(s2, s0, s1);
        put.result(1, s2);
        a.subtract(s2, s0, s1);
        put.result(2, s2);
        a.copy(s0, y.apply(0));
        a.addProduct(s0, y.apply(2), four);
        a.multiply(s1, y.apply(1), two);
        a.addProduct(s1, y.apply(3), fiveOrEight);
        a.add(s2, s0, s1);
        put.result(3, s2);
        a.subtract(s2, s0, s1);
        put.result(4, s2);
        put.result(5, y.apply(3));
    }

    /** Takes a result that is valid only during the call. */
    interface ResultOf {
        void result(int index, Vector value);
    }

    /** {@code Aᵀ} times six vectors of memory, into four registers. */
    void outputColumn(IntFunction<Address> m, IntFunction<Vector> to) {
        a.load(s0, m.apply(1));
        a.load(s1, m.apply(2));
        a.load(s2, m.apply(3));
        a.load(s3, m.apply(4));
        a.add(s4, s0, s1);
        a.subtract(s0, s0, s1);
        a.add(s1, s2, s3);
        a.subtract(s2, s2, s3);
        // s4 = m1+m2, s0 = m1−m2, s1 = m3+m4, s2 = m3−m4
        a.add(to.apply(0), s4, m.apply(0));
        a.add(to.apply(0), to.apply(0), s1);
        a.copy(to.apply(1), s0);
        a.addProduct(to.apply(1), s2, two);
        a.addProduct(s4, s1, four);
        a.copy(to.apply(2), s4);
        a.addProduct(s0, s2, fiveOrEight);
        a.add(to.apply(3), s0, m.apply(5));
    }

    /** One of the four results of {@code Aᵀ} times six vectors of memory. */
    void outputColumn(int result, IntFunction<Address> m, Vector to) {
        if (result == 0) {
            a.load(to, m.apply(0));
            for (int i = 1; i <= 4; i++) {
                a.add(to, to, m.apply(i));
            }
            return;
        }
        a.load(to, m.apply(1));
        a.load(s0, m.apply(3));
        if (result == 2) {
            a.add(to, to, m.apply(2));
            a.add(s0, s0, m.apply(4));
            a.addProduct(to, s0, four);
            return;
        }
        a.load(s1, m.apply(2));
        a.subtract(to, to, s1);
        a.load(s1, m.apply(4));
        a.subtract(s0, s0, s1);
        a.addProduct(to, s0, result == 1 ? two : fiveOrEight);
        if (result == 3) {
            a.add(to, to, m.apply(5));
        }
    }

    /** {@code Aᵀ} times six registers: up to four results go to {@code put}. */
    void outputRow(IntFunction<Vector> m, int count, ResultOf put) {
        a.add(s0, m.apply(1), m.apply(2));
        a.subtract(s1, m.apply(1), m.apply(2));
        a.add(s2, m.apply(3), m.apply(4));
        a.subtract(s3, m.apply(3), m.apply(4));
        IntConsumer result =
                i -> {
                    switch (i) {
                        case 0 -> {
                            a.add(s4, s0, m.apply(0));
                            a.add(s4, s4, s2);
                        }
                        case 1 -> {
                            a.copy(s4, s1);
                            a.addProduct(s4, s3, two);
                        }
                        case 2 -> {
                            a.copy(s4, s0);
                            a.addProduct(s4, s2, four);
                        }
                        default -> {
                            a.add(s4, s1, m.apply(5));
                            a.addProduct(s4, s3, fiveOrEight);
                        }
                    }
                };
        for (int i = 0; i < count; i++) {
            result.accept(i);
            put.result(i, s4);
        }
    }
}

package org.densenet4j.backend.cpu.code;

import static org.densenet4j.backend.cpu.code.Zmm.zmm;

import java.util.function.IntConsumer;
import java.util.function.IntFunction;

/**
 * The one-dimensional transforms of Winograd's F(4x4, 3x3) (Lavin and Gray 2016, arXiv 1509.09308,
 * section 4.3) on vectors in registers. Each overwrites vectors 24 to 28; 29 to 31 hold constants.
 */
final class TransformCode {
    private static final Zmm S0 = zmm(24);
    private static final Zmm S1 = zmm(25);
    private static final Zmm S2 = zmm(26);
    private static final Zmm S3 = zmm(27);
    private static final Zmm S4 = zmm(28);

    /** Constants: 2, 4 and 5 of the source, 2, 4 and 8 of the results. */
    static final Zmm TWO = zmm(29);

    static final Zmm FOUR = zmm(30);
    static final Zmm FIVE_OR_EIGHT = zmm(31);

    private final Assembler a;

    TransformCode(Assembler a) {
        this.a = a;
    }

    /** Sets the constants. */
    void constants(boolean source) {
        a.everywhere(TWO, 2);
        a.everywhere(FOUR, 4);
        a.everywhere(FIVE_OR_EIGHT, source ? 5 : 8);
    }

    /** {@code Bᵀ} times six vectors in registers, the last of which is overwritten. */
    void source(IntFunction<Zmm> d, ResultOf put) {
        a.copy(S0, d.apply(4));
        a.subtractProduct(S0, d.apply(2), FOUR);
        a.copy(S1, d.apply(3));
        a.subtractProduct(S1, d.apply(1), FOUR);
        a.add(S2, S0, S1);
        put.result(1, S2);
        a.subtract(S0, S0, S1);
        put.result(2, S0);
        a.subtract(S3, d.apply(4), d.apply(2));
        a.subtract(S4, d.apply(3), d.apply(1));
        a.copy(S2, S3);
        a.addProduct(S2, S4, TWO);
        put.result(3, S2);
        a.subtractProduct(S3, S4, TWO);
        put.result(4, S3);
        a.copy(S0, d.apply(4));
        a.subtractProduct(S0, d.apply(2), FIVE_OR_EIGHT);
        a.addProduct(S0, d.apply(0), FOUR);
        put.result(0, S0);
        Zmm last = d.apply(5);
        a.subtractProduct(last, d.apply(3), FIVE_OR_EIGHT);
        a.addProduct(last, d.apply(1), FOUR);
        put.result(5, last);
    }

    /** {@code A} times four vectors in registers, of which the first and the last are results. */
    void gradient(IntFunction<Zmm> y, ResultOf put) {
        a.add(S0, y.apply(0), y.apply(2));
        a.add(S1, y.apply(1), y.apply(3));
        put.result(0, y.apply(0));
        a.add(S2, S0, S1);
        put.result(1, S2);
        a.subtract(S2, S0, S1);
        put.result(2, S2);
        a.copy(S0, y.apply(0));
        a.addProduct(S0, y.apply(2), FOUR);
        a.multiply(S1, y.apply(1), TWO);
        a.addProduct(S1, y.apply(3), FIVE_OR_EIGHT);
        a.add(S2, S0, S1);
        put.result(3, S2);
        a.subtract(S2, S0, S1);
        put.result(4, S2);
        put.result(5, y.apply(3));
    }

    /** Takes a result that is valid only during the call. */
    interface ResultOf {
        void result(int index, Zmm value);
    }

    /** {@code Aᵀ} times six vectors of memory, into four registers. */
    void outputColumn(IntFunction<Address> m, IntFunction<Zmm> to) {
        a.load(S0, m.apply(1));
        a.load(S1, m.apply(2));
        a.load(S2, m.apply(3));
        a.load(S3, m.apply(4));
        a.add(S4, S0, S1);
        a.subtract(S0, S0, S1);
        a.add(S1, S2, S3);
        a.subtract(S2, S2, S3);
        // S4 = m1+m2, S0 = m1−m2, S1 = m3+m4, S2 = m3−m4
        a.add(to.apply(0), S4, m.apply(0));
        a.add(to.apply(0), to.apply(0), S1);
        a.copy(to.apply(1), S0);
        a.addProduct(to.apply(1), S2, TWO);
        a.addProduct(S4, S1, FOUR);
        a.copy(to.apply(2), S4);
        a.addProduct(S0, S2, FIVE_OR_EIGHT);
        a.add(to.apply(3), S0, m.apply(5));
    }

    /** {@code Aᵀ} times six registers: up to four results go to {@code put}. */
    void outputRow(IntFunction<Zmm> m, int count, ResultOf put) {
        a.add(S0, m.apply(1), m.apply(2));
        a.subtract(S1, m.apply(1), m.apply(2));
        a.add(S2, m.apply(3), m.apply(4));
        a.subtract(S3, m.apply(3), m.apply(4));
        IntConsumer result =
                i -> {
                    switch (i) {
                        case 0 -> {
                            a.add(S4, S0, m.apply(0));
                            a.add(S4, S4, S2);
                        }
                        case 1 -> {
                            a.copy(S4, S1);
                            a.addProduct(S4, S3, TWO);
                        }
                        case 2 -> {
                            a.copy(S4, S0);
                            a.addProduct(S4, S2, FOUR);
                        }
                        default -> {
                            a.add(S4, S1, m.apply(5));
                            a.addProduct(S4, S3, FIVE_OR_EIGHT);
                        }
                    }
                };
        for (int i = 0; i < count; i++) {
            result.accept(i);
            put.result(i, S4);
        }
    }
}

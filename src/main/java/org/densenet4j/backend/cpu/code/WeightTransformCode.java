package org.densenet4j.backend.cpu.code;

import static org.densenet4j.backend.cpu.code.Register.R12;
import static org.densenet4j.backend.cpu.code.Register.RDI;
import static org.densenet4j.backend.cpu.code.Register.RSI;
import static org.densenet4j.backend.cpu.code.Zmm.zmm;

/**
 * The weights of a 3x3 convolution in Winograd's domain, {@code U = G·g·Gᵀ} for each pair of
 * channels; F(4x4, 3x3) of Lavin and Gray 2016 (arXiv 1509.09308), section 4.3:
 *
 * <pre>
 * g [rows, columns, 3, 3]     channels anywhere, the nine taps next to each other
 * U [6, 6, rows, columns]     columns padded with zeros to whole vectors
 * </pre>
 *
 * Sixteen columns at a time, gathered from their places in g; all that happens in between stays in
 * registers. Reads 36 bytes and writes 144 for each pair of channels.
 */
public final class WeightTransformCode implements AutoCloseable {
    /** Taps of a filter, and elements of a transformed one. */
    private static final int TAPS = 9;

    private static final int SIDE = 3;
    private static final int TILE = 6;

    private static final Zmm TEMPORARY = zmm(22);
    private static final Zmm TWELFTH = zmm(25);
    private static final Zmm TWENTYFOURTH = zmm(26);
    private static final Zmm QUARTER = zmm(27);
    private static final Zmm SIXTH = zmm(28);
    private static final Zmm MINUS_SIXTH = zmm(29);
    private static final Zmm PLACES = zmm(30);

    private final Assembler a = new Assembler();
    private final Form form;
    private final NativeCode code;

    /**
     * What is compiled. Distances are in bytes.
     *
     * @param rows of a call
     * @param turned take g turned by 180 degrees
     * @param gRow from row to row of g
     * @param gColumn from column to column of g
     * @param matrix from one of the 36 matrices to the next
     */
    public record Form(
            int rows, int columns, boolean turned, long gRow, long gColumn, long matrix) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public WeightTransformCode(Form form) {
        this.form = form;
        this.code = new NativeCode(whole());
    }

    /**
     * Runs.
     *
     * @param g address of the first row
     * @param u address of the first row in the first matrix
     * @throws IllegalStateException when closed
     */
    public void run(long g, long u) {
        code.call(g, u, 0, 0, 0);
    }

    @Override
    public void close() {
        code.close();
    }

    private byte[] whole() {
        a.enter();
        a.first(Mask.K1, form.columns % Zmm.FLOATS);
        a.everywhere(TWELFTH, 1 / 12f);
        a.everywhere(TWENTYFOURTH, 1 / 24f);
        a.everywhere(QUARTER, 1 / 4f);
        a.everywhere(SIXTH, 1 / 6f);
        a.everywhere(MINUS_SIXTH, -1 / 6f);
        a.multiples(PLACES, form.gColumn);
        int vectors = RowPasses.vectors(form.columns);
        a.repeat(
                form.rows,
                R12,
                () -> {
                    for (int v = 0; v < vectors; v++) {
                        vector(v);
                    }
                    a.add(RDI, form.gRow);
                    a.add(RSI, (long) vectors * Zmm.BYTES);
                });
        a.leave();
        return a.bytes();
    }

    private void vector(int v) {
        Address g = RDI.at(Math.toIntExact(v * Zmm.FLOATS * form.gColumn));
        for (int tap = 0; tap < TAPS; tap++) {
            Zmm to = zmm(tap);
            int from = form.turned ? TAPS - 1 - tap : tap;
            Mask mask = RowPasses.mask(v, form.columns);
            RowPasses.gather(a, to, g.plus((long) from * Float.BYTES), PLACES, mask);
        }
        // G times each of three columns.
        Zmm[][] half = new Zmm[SIDE][];
        for (int x = 0; x < SIDE; x++) {
            half[x] = expand(zmm(x), zmm(x + SIDE), zmm(x + 2 * SIDE), TAPS + SIDE * x);
        }
        // Each of six rows times Gᵀ.
        for (int y = 0; y < TILE; y++) {
            Zmm[] row = expand(half[0][y], half[1][y], half[2][y], 2 * TAPS);
            for (int x = 0; x < TILE; x++) {
                a.store(
                        row[x],
                        RSI.at(
                                Math.toIntExact(
                                        (TILE * y + x) * form.matrix + (long) v * Zmm.BYTES)));
            }
        }
    }

    /**
     * G times three values. Overwrites these and three registers more.
     *
     * @param free number of the first of three registers
     * @return where the six results are
     */
    private Zmm[] expand(Zmm g0, Zmm g1, Zmm g2, int free) {
        Zmm ends = zmm(free);
        Zmm farEnds = zmm(free + 1);
        Zmm difference = zmm(free + 2);
        a.add(ends, g0, g2);
        a.multiply(ends, ends, MINUS_SIXTH);
        a.multiply(farEnds, g0, TWENTYFOURTH);
        a.addProduct(farEnds, g2, SIXTH);
        a.multiply(g0, g0, QUARTER);
        a.multiply(TEMPORARY, g1, SIXTH);
        a.subtract(difference, ends, TEMPORARY);
        a.add(ends, ends, TEMPORARY);
        a.multiply(TEMPORARY, g1, TWELFTH);
        a.subtract(g1, farEnds, TEMPORARY);
        a.add(farEnds, farEnds, TEMPORARY);
        return new Zmm[] {g0, difference, ends, farEnds, g1, g2};
    }
}

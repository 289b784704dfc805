package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * The weights of a 3x3 convolution in Winograd's domain, {@code U = G·g·Gᵀ} for each pair of
 * channels; F(4x4, 3x3) of Lavin and Gray 2016 (arXiv 1509.09308), section 4.3:
 *
 * <pre>
 * g [rows, columns, 3, 3]     channels anywhere, the nine taps next to each other
 * U [6, 6, rows, columns]     columns padded with zeros to whole vectors
 * </pre>
 *
 * A vector of columns at a time, gathered from their places in g; half transformed values wait
 * where the results will be. Reads 36 bytes and writes 144 for each pair of channels.
 */
public final class WinogradWeightKernel extends Kernel {
    /** Taps of a filter, and elements of a transformed one. */
    private static final int TAPS = 9;

    private static final int SIDE = 3;
    private static final int TILE = 6;

    private static final Vector ENDS = v(3);
    private static final Vector FAR_ENDS = v(4);
    private static final Vector DIFFERENCE = v(5);
    private static final Vector TEMPORARY = v(6);
    private static final Vector TWELFTH = v(7);
    private static final Vector TWENTYFOURTH = v(8);
    private static final Vector QUARTER = v(9);
    private static final Vector SIXTH = v(10);
    private static final Vector MINUS_SIXTH = v(11);
    private static final Vector PLACES = v(12);

    private final Form form;
    private Tail tail;

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
    public WinogradWeightKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        compile(this::whole);
    }

    /**
     * Runs.
     *
     * @param g address of the first row
     * @param u address of the first row in the first matrix
     * @throws IllegalStateException when closed
     */
    public void run(long g, long u) {
        call(g, u, 0, 0, 0);
    }

    private void whole() {
        tail = a.tail(form.columns);
        a.everywhere(TWELFTH, 1 / 12f);
        a.everywhere(TWENTYFOURTH, 1 / 24f);
        a.everywhere(QUARTER, 1 / 4f);
        a.everywhere(SIXTH, 1 / 6f);
        a.everywhere(MINUS_SIXTH, -1 / 6f);
        a.multiples(PLACES, form.gColumn);
        int vectors = set.vectors(form.columns);
        a.repeat(
                form.rows,
                R12,
                () -> {
                    for (int v = 0; v < vectors; v++) {
                        vector(v);
                    }
                    a.add(RDI, form.gRow);
                    a.add(RSI, (long) vectors * set.vectorBytes());
                });
    }

    private void vector(int vector) {
        Address g = RDI.at(vector * set.floats() * form.gColumn);
        // G times each of three columns, into the first half of where the results will be.
        for (int x = 0; x < SIDE; x++) {
            for (int y = 0; y < SIDE; y++) {
                int tap = SIDE * y + x;
                int from = form.turned ? TAPS - 1 - tap : tap;
                Tail some = tail(vector, form.columns, tail);
                a.gather(v(y), g.plus((long) from * Float.BYTES), PLACES, some);
            }
            Vector[] column = expand();
            for (int y = 0; y < TILE; y++) {
                a.store(column[y], element(vector, y, x));
            }
        }
        // Each of six rows times Gᵀ.
        for (int y = 0; y < TILE; y++) {
            for (int x = 0; x < SIDE; x++) {
                a.load(v(x), element(vector, y, x));
            }
            Vector[] row = expand();
            for (int x = 0; x < TILE; x++) {
                a.store(row[x], element(vector, y, x));
            }
        }
    }

    private Address element(int vector, int line, int column) {
        return RSI.at((TILE * line + column) * form.matrix + (long) vector * set.vectorBytes());
    }

    /**
     * G times the three values in registers 0 to 2, which are overwritten.
     *
     * @return where the six results are
     */
    private Vector[] expand() {
        Vector g0 = v(0);
        Vector g1 = v(1);
        Vector g2 = v(2);
        a.add(ENDS, g0, g2);
        a.multiply(ENDS, ENDS, MINUS_SIXTH);
        a.multiply(FAR_ENDS, g0, TWENTYFOURTH);
        a.addProduct(FAR_ENDS, g2, SIXTH);
        a.multiply(g0, g0, QUARTER);
        a.multiply(TEMPORARY, g1, SIXTH);
        a.subtract(DIFFERENCE, ENDS, TEMPORARY);
        a.add(ENDS, ENDS, TEMPORARY);
        a.multiply(TEMPORARY, g1, TWELFTH);
        a.subtract(g1, FAR_ENDS, TEMPORARY);
        a.add(FAR_ENDS, FAR_ENDS, TEMPORARY);
        return new Vector[] {g0, DIFFERENCE, ENDS, FAR_ENDS, g1, g2};
    }
}

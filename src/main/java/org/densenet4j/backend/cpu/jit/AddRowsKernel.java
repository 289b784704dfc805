package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;

/**
 * Adds a matrix of float32 to another, {@code C += A}, both of short rows: the taps of a
 * convolution.
 *
 * <pre>
 * A [rows, columns] strided     C [rows, columns] strided
 * </pre>
 */
public final class AddRowsKernel extends Kernel {
    private static final int GROUP = 4;

    private final Form form;

    /**
     * What is compiled.
     *
     * @param aRow bytes from row to row of A
     * @param cRow bytes from row to row of C
     */
    public record Form(int rows, int columns, long aRow, long cRow) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public AddRowsKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        compile(this::whole);
    }

    /**
     * Runs.
     *
     * @param a address of A
     * @param c address of C
     */
    public void run(long a, long c) {
        call(a, c, 0, 0, 0);
    }

    private void whole() {
        Tail tail = a.tail(form.columns);
        Loops.inBlocks(
                a,
                form.rows,
                GROUP,
                R12,
                count -> {
                    for (int r = 0; r < count; r++) {
                        row(r, tail);
                    }
                    a.add(RDI, count * form.aRow);
                    a.add(RSI, count * form.cRow);
                });
    }

    private void row(int row, Tail tail) {
        for (int i = 0; i < set.vectors(form.columns); i++) {
            Tail some = tail(i, form.columns, tail);
            long at = (long) i * set.vectorBytes();
            a.load(v(0), RDI.at(row * form.aRow + at), some);
            a.load(v(1), RSI.at(row * form.cRow + at), some);
            a.add(v(0), v(0), v(1));
            a.store(v(0), RSI.at(row * form.cRow + at), some);
        }
    }
}

package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R10;
import static org.densenet4j.backend.cpu.asm.Register.R11;
import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R13;
import static org.densenet4j.backend.cpu.asm.Register.R8;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Register.RCX;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Register.RDX;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * A function of each column, {@code Y = max(0, X·scale + shift)}, or less of it.
 *
 * <pre>
 * X [rows, columns] strided     Y [rows, columns] strided, may be X     scale, shift [columns]
 * </pre>
 *
 * Row by row, while the next row of X is fetched. Moves X and Y once; scales and shifts, which are
 * read for every row, stay in the first-level cache.
 */
public final class AffineRowsKernel extends Kernel {
    /** Vectors that are worked on side by side. */
    private static final int GROUP = 4;

    private static final Vector ZERO = v(3 * GROUP);

    private final Form form;

    /**
     * What is compiled.
     *
     * @param xRow bytes from row to row of X
     * @param yRow bytes from row to row of Y
     * @param scales whether there are scales; they are one otherwise
     * @param relu whether negative results become zero
     */
    public record Form(
            Storage storage,
            int rows,
            int columns,
            long xRow,
            long yRow,
            boolean scales,
            boolean relu) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public AffineRowsKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        compile(this::whole);
    }

    /**
     * Runs.
     *
     * @param x address of X
     * @param y address of Y
     * @param scale address of the columns' scales, float32; any where there are none
     * @param shift the same of their shifts
     * @throws IllegalStateException when closed
     */
    public void run(long x, long y, long scale, long shift) {
        call(x, y, scale, shift, 0);
    }

    private void whole() {
        Tail tail = a.tail(form.columns);
        a.zero(ZERO);
        a.repeat(
                form.rows,
                R12,
                () -> {
                    a.copy(R8, RDI);
                    a.copy(R9, RSI);
                    a.copy(R10, RDX);
                    a.copy(R11, RCX);
                    Loops.inVectors(
                            a,
                            form.columns,
                            tail,
                            GROUP,
                            R13,
                            this::vectors,
                            count -> {
                                a.add(R8, count * form.storage.vectorBytes(set));
                                a.add(R9, count * form.storage.vectorBytes(set));
                                a.add(R10, (long) count * set.vectorBytes());
                                a.add(R11, (long) count * set.vectorBytes());
                            });
                    a.add(RDI, form.xRow);
                    a.add(RSI, form.yRow);
                });
    }

    private void vectors(int count, Tail some) {
        long bytes = form.storage.vectorBytes(set);
        Loops.forEachLine(count * bytes, at -> a.prefetch(R8.at(form.xRow + at)));
        for (int i = 0; i < count; i++) {
            form.storage.load(a, v(i), R8.at(i * bytes), some);
            a.load(v(GROUP + i), R11.at((long) i * set.vectorBytes()), some);
            if (form.scales) {
                a.load(v(2 * GROUP + i), R10.at((long) i * set.vectorBytes()), some);
                a.multiplyAdd(v(i), v(2 * GROUP + i), v(GROUP + i));
            } else {
                a.add(v(i), v(i), v(GROUP + i));
            }
            if (form.relu) {
                a.maximum(v(i), ZERO, v(i));
            }
        }
        for (int i = 0; i < count; i++) {
            form.storage.store(a, v(i), R9.at(i * bytes), some);
        }
    }
}

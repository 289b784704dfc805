package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R13;
import static org.densenet4j.backend.cpu.asm.Register.R8;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;

/**
 * Adds a matrix to another, {@code Y += X}, of rows of any length. Reads X once, and moves Y once.
 *
 * <pre>
 * X [rows, columns] strided     Y [rows, columns] strided
 * </pre>
 */
public final class AddKernel extends Kernel {
    /** Vectors that are worked on side by side. */
    private static final int GROUP = 4;

    private final Form form;

    /**
     * What is compiled.
     *
     * @param storage of both
     * @param xRow bytes from row to row of X
     * @param yRow bytes from row to row of Y
     */
    public record Form(Storage storage, int rows, int columns, long xRow, long yRow) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public AddKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        compile(this::whole);
    }

    /**
     * Runs.
     *
     * @param x address of X
     * @param y address of Y
     * @throws IllegalStateException when closed
     */
    public void run(long x, long y) {
        call(x, y, 0, 0, 0);
    }

    private void whole() {
        Tail tail = a.tail(form.columns);
        long bytes = form.storage.vectorBytes(set);
        a.repeat(
                form.rows,
                R12,
                () -> {
                    a.copy(R8, RDI);
                    a.copy(R9, RSI);
                    Loops.inVectors(
                            a,
                            form.columns,
                            tail,
                            GROUP,
                            R13,
                            this::vectors,
                            count -> {
                                a.add(R8, count * bytes);
                                a.add(R9, count * bytes);
                            });
                    a.add(RDI, form.xRow);
                    a.add(RSI, form.yRow);
                });
    }

    private void vectors(int count, Tail some) {
        long bytes = form.storage.vectorBytes(set);
        for (int i = 0; i < count; i++) {
            form.storage.load(a, v(i), R8.at(i * bytes), some);
            form.storage.load(a, v(GROUP + i), R9.at(i * bytes), some);
            a.add(v(i), v(i), v(GROUP + i));
        }
        for (int i = 0; i < count; i++) {
            form.storage.store(a, v(i), R9.at(i * bytes), some);
        }
    }
}

package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R13;
import static org.densenet4j.backend.cpu.asm.Register.R8;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;

/**
 * Adds a matrix to another, {@code Y += X}. Reads X once, and moves Y once.
 *
 * <pre>
 * X [rows, columns] strided     Y [rows, columns] strided
 * </pre>
 */
public final class AddKernel extends Kernel {
    /** Vectors of a row, or short rows, that follow each other without a jump. */
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
        if (set.vectors(form.columns) <= GROUP) {
            shortRows(a.tail(form.columns));
        } else {
            longRows(a.tail(form.columns));
        }
    }

    /** Such as the taps of a convolution. */
    private void shortRows(Tail tail) {
        Loops.inBlocks(
                a,
                form.rows,
                GROUP,
                R12,
                count -> {
                    for (int r = 0; r < count; r++) {
                        for (int i = 0; i < set.vectors(form.columns); i++) {
                            long at = i * form.storage.vectorBytes(set);
                            vector(
                                    RDI.at(r * form.xRow + at),
                                    RSI.at(r * form.yRow + at),
                                    tail(i, form.columns, tail));
                        }
                    }
                    a.add(RDI, count * form.xRow);
                    a.add(RSI, count * form.yRow);
                });
    }

    private void longRows(Tail tail) {
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
                            (count, some) -> {
                                for (int i = 0; i < count; i++) {
                                    vector(R8.at(i * bytes), R9.at(i * bytes), some);
                                }
                            },
                            count -> {
                                a.add(R8, count * bytes);
                                a.add(R9, count * bytes);
                            });
                    a.add(RDI, form.xRow);
                    a.add(RSI, form.yRow);
                });
    }

    private void vector(Address x, Address y, Tail some) {
        form.storage.load(a, v(0), x, some);
        form.storage.load(a, v(1), y, some);
        a.add(v(0), v(0), v(1));
        form.storage.store(a, v(0), y, some);
    }
}

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
 * One of the panels of W that {@link PointwiseBackwardKernel} reads: some columns of W, in {@link
 * Words} along the rows.
 *
 * <pre>
 * W [N, columns] strided     panel [words of N, whole vectors]
 * </pre>
 *
 * Behind the last row and column there are zeros. Moves W and the panel once.
 */
public final class ColumnPanelKernel extends Kernel {
    private static final Vector WORD = v(0);
    private static final Vector UPPER = v(1);

    private final Form form;
    private Tail tail;

    /**
     * What is compiled.
     *
     * @param storage of W
     * @param rows N
     * @param wRow bytes from row to row of W
     */
    public record Form(Storage storage, Words words, int rows, int columns, long wRow) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public ColumnPanelKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        compile(this::whole);
    }

    /**
     * Runs.
     *
     * @param w address of the first column in the first row
     * @param panel address of the panel
     * @throws IllegalStateException when closed
     */
    public void run(long w, long panel) {
        call(w, panel, 0, 0, 0);
    }

    private void whole() {
        tail = a.tail(form.columns);
        Loops.inBlocks(a, form.rows, form.words.elements(), R12, this::words);
    }

    /** A row of words out of one row of W, or two. */
    private void words(int rows) {
        int vectors = set.vectors(form.columns);
        for (int i = 0; i < vectors; i++) {
            Address from = RDI.at(i * form.storage.vectorBytes(set));
            Tail some = tail(i, form.columns, tail);
            if (form.words == Words.FLOATS) {
                form.storage.load(a, WORD, from, some);
            } else {
                a.loadHalves(WORD, from, some);
                if (rows == 2) {
                    a.loadBFloat16(UPPER, from.plus(form.wRow), some);
                    a.or(WORD, WORD, UPPER);
                }
            }
            a.store(WORD, RSI.at((long) i * set.vectorBytes()));
        }
        a.add(RDI, rows * form.wRow);
        a.add(RSI, (long) vectors * set.vectorBytes());
    }
}

package org.densenet4j.backend.cpu.code;

import static org.densenet4j.backend.cpu.code.Register.R12;
import static org.densenet4j.backend.cpu.code.Register.RDI;
import static org.densenet4j.backend.cpu.code.Register.RSI;
import static org.densenet4j.backend.cpu.code.Zmm.zmm;

/**
 * One of the panels of W that {@link BackwardCode} reads: some columns of W, in words of {@link
 * Storage} along the rows.
 *
 * <pre>
 * W [N, columns] strided     panel [words of N, whole vectors]
 * </pre>
 *
 * Behind the last row and column there are zeros. Moves W and the panel once.
 */
public final class ColumnPanelCode implements AutoCloseable {
    private final Assembler a = new Assembler();
    private final Form form;
    private final NativeCode code;

    /**
     * What is compiled.
     *
     * @param rows N
     * @param wRow bytes from row to row of W
     */
    public record Form(Storage storage, int rows, int columns, long wRow) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public ColumnPanelCode(Form form) {
        this.form = form;
        this.code = new NativeCode(whole());
    }

    /**
     * Runs.
     *
     * @param w address of the first column in the first row
     * @param panel address of the panel
     * @throws IllegalStateException when closed
     */
    public void run(long w, long panel) {
        code.call(w, panel, 0, 0, 0);
    }

    @Override
    public void close() {
        code.close();
    }

    private byte[] whole() {
        a.enter();
        a.first(Mask.K1, form.columns % Zmm.FLOATS);
        RowPasses.inBlocks(a, form.rows, form.storage.perWord(), R12, this::words);
        a.leave();
        return a.bytes();
    }

    /** A row of words out of one row of W, or two. */
    private void words(int rows) {
        int vectors = RowPasses.vectors(form.columns);
        for (int v = 0; v < vectors; v++) {
            Address from = RDI.at(Math.toIntExact(v * form.storage.vectorBytes()));
            Mask mask = RowPasses.mask(v, form.columns);
            Zmm word = zmm(0);
            if (form.storage == Storage.FLOAT32) {
                a.load(word, from, mask);
            } else {
                a.loadHalves(word, from, mask);
                if (rows == 2) {
                    Zmm upper = zmm(1);
                    a.loadHalves(upper, from.plus(form.wRow), mask);
                    a.shiftLeft(upper, Short.SIZE);
                    a.or(word, word, upper);
                }
            }
            a.store(word, RSI.at(v * Zmm.BYTES));
        }
        a.add(RDI, rows * form.wRow);
        a.add(RSI, (long) vectors * Zmm.BYTES);
    }
}

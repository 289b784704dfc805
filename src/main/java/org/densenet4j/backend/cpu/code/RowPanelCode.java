package org.densenet4j.backend.cpu.code;

import static org.densenet4j.backend.cpu.code.Register.R12;
import static org.densenet4j.backend.cpu.code.Register.RDI;
import static org.densenet4j.backend.cpu.code.Register.RSI;
import static org.densenet4j.backend.cpu.code.Zmm.zmm;

/**
 * One of the panels of Wᵀ that {@link ForwardCode} reads: some rows of W become columns, in words
 * of {@link Storage}.
 *
 * <pre>
 * W [rows, K] strided     panel [words of K, vectors · 16]
 * </pre>
 *
 * Sixteen rows of W at a time, a word of each gathered; behind the last row there are zeros. Moves
 * W and the panel once, and finds W's cache lines again for as many words as they hold.
 */
public final class RowPanelCode implements AutoCloseable {
    private static final Zmm PLACES = zmm(30);

    private final Assembler a = new Assembler();
    private final Form form;
    private final NativeCode code;

    /**
     * What is compiled.
     *
     * @param rows of W that become columns
     * @param inputs K
     * @param wRow bytes from row to row of W
     */
    public record Form(Storage storage, int rows, int inputs, long wRow) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public RowPanelCode(Form form) {
        this.form = form;
        this.code = new NativeCode(whole());
    }

    /**
     * Runs.
     *
     * @param w address of the first row
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
        a.first(Mask.K1, form.rows % Zmm.FLOATS);
        a.multiples(PLACES, form.wRow);
        int whole = form.inputs / form.storage.perWord();
        a.repeat(whole, R12, () -> words(0));
        int rest = form.inputs % form.storage.perWord();
        if (rest > 0) {
            // The last element and the one before it: nothing is read behind the row.
            words(rest * form.storage.bytes() - Float.BYTES);
        }
        a.leave();
        return a.bytes();
    }

    /**
     * A word of every row.
     *
     * @param offset bytes to the word; if negative, so many of its first bytes make way for zeros
     *     at its end
     */
    private void words(int offset) {
        int vectors = RowPasses.vectors(form.rows);
        for (int v = 0; v < vectors; v++) {
            Zmm word = zmm(v % 24);
            Address from = RDI.at(Math.toIntExact(v * Zmm.FLOATS * form.wRow + offset));
            RowPasses.gather(a, word, from, PLACES, RowPasses.mask(v, form.rows));
            if (offset < 0) {
                a.shiftRight(word, -Byte.SIZE * offset);
            }
            a.store(word, RSI.at(v * Zmm.BYTES));
        }
        a.add(RDI, Float.BYTES);
        a.add(RSI, (long) vectors * Zmm.BYTES);
    }
}

package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.Avx512Assembler;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * One of the panels of Wᵀ that {@link PointwiseForwardKernel} reads: some rows of W become columns,
 * in {@link Words}.
 *
 * <pre>
 * W [rows, K] strided     panel [words of K, whole vectors]
 * </pre>
 *
 * A vector of rows of W at a time, a word of each gathered; behind the last row there are zeros.
 * Moves W and the panel once, and finds W's cache lines again for as many words as they hold. Where
 * words are pairs as they lie in memory, 16 of 16 rows are transposed at once instead.
 */
public final class RowPanelKernel extends Kernel {
    private static final Vector WORD = v(0);
    private static final Vector PLACES = v(1);

    private final Form form;
    private Tail tail;

    /**
     * What is compiled.
     *
     * @param storage of W
     * @param rows of W that become columns
     * @param inputs K
     * @param wRow bytes from row to row of W
     */
    public record Form(Storage storage, Words words, int rows, int inputs, long wRow) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public RowPanelKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        compile(this::whole);
    }

    /**
     * Runs.
     *
     * @param w address of the first row
     * @param panel address of the panel
     * @throws IllegalStateException when closed
     */
    public void run(long w, long panel) {
        call(w, panel, 0, 0, 0);
    }

    private void whole() {
        tail = a.tail(form.rows);
        int transposed = transposedBlocks();
        a.repeat(
                transposed,
                R12,
                () -> {
                    long row = set.vectorBytes();
                    WordTransposition.emit(
                            (Avx512Assembler) a, RDI.at(0), form.wRow, RSI.at(0), row);
                    a.add(RDI, row);
                    a.add(RSI, WordTransposition.WORDS * row);
                });
        a.multiples(PLACES, form.wRow);
        // Four bytes are read for a word, and nothing behind the row: where the last word has
        // fewer, they are the upper part of what is read.
        int wordBytes = form.words.elements() * form.storage.bytes();
        int rest = form.inputs * form.storage.bytes() % Float.BYTES;
        int whole = form.inputs / form.words.elements() - transposed * WordTransposition.WORDS;
        if (wordBytes == Float.BYTES) {
            a.repeat(whole, R12, () -> words(wordBytes, 0, () -> {}));
            if (rest > 0) {
                int missing = Float.BYTES - rest;
                words(wordBytes, -missing, () -> a.shiftRight(WORD, Byte.SIZE * missing));
            }
            return;
        }
        a.repeat(whole - 1, R12, () -> words(wordBytes, 0, () -> a.shiftLeft(WORD, Short.SIZE)));
        words(
                wordBytes,
                -Short.BYTES,
                () -> {
                    a.shiftRight(WORD, Short.SIZE);
                    a.shiftLeft(WORD, Short.SIZE);
                });
    }

    /** Blocks of 16 words that are transposed. */
    private int transposedBlocks() {
        boolean pairs =
                form.words == Words.BFLOAT16_PAIRS
                        && form.storage == Storage.BFLOAT16
                        && form.rows == WordTransposition.WORDS;
        return pairs ? form.inputs / (2 * WordTransposition.WORDS) : 0;
    }

    /**
     * A word of every row, and on to the next.
     *
     * @param bytes of W that a word is made of
     * @param offset of the four bytes that are read
     * @param adjust makes what was read the word
     */
    private void words(int bytes, int offset, Runnable adjust) {
        int vectors = set.vectors(form.rows);
        for (int i = 0; i < vectors; i++) {
            Address from = RDI.at(i * set.floats() * form.wRow + offset);
            a.gather(WORD, from, PLACES, tail(i, form.rows, tail));
            adjust.run();
            a.store(WORD, RSI.at((long) i * set.vectorBytes()));
        }
        a.add(RDI, bytes);
        a.add(RSI, (long) vectors * set.vectorBytes());
    }
}

package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R10;
import static org.densenet4j.backend.cpu.asm.Register.R11;
import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R13;
import static org.densenet4j.backend.cpu.asm.Register.RCX;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Register.RDX;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Avx512Assembler;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * Copies pixels in bfloat16, or {@code max(0, x·scale + shift)} of them: {@code rows} of one matrix
 * to as many of another.
 *
 * <pre>
 * X [rows, channels] strided     Y [rows, channels] strided
 * </pre>
 *
 * 32 channels of all rows at a time, whose scales and shifts stay in registers. Moves X and Y once.
 */
public final class PixelRowsKernel extends Kernel {
    private static final int GROUP = 4;
    private static final int SLICE = TileBlock.ELEMENTS;
    private static final Vector ZERO = v(31);

    private final Form form;
    private final Avx512Assembler wide;
    private Tail tail;

    /**
     * What is compiled.
     *
     * @param fromRow bytes from row to row of X
     * @param toRow bytes from row to row of Y
     * @param normalises whether scales and shifts are read
     */
    public record Form(int rows, int channels, long fromRow, long toRow, boolean normalises) {}

    /**
     * Compiles.
     *
     * @param set that tiles come with
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public PixelRowsKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        this.wide = (Avx512Assembler) a;
        compile(this::whole);
    }

    /**
     * Runs.
     *
     * @param from address of X
     * @param to address of Y
     * @param scale address of the channels' scales, float32; any where nothing is normalised
     * @param shift the same of their shifts
     */
    public void run(long from, long to, long scale, long shift) {
        call(from, to, scale, shift, 0);
    }

    private void whole() {
        tail = a.tail(form.channels);
        a.zero(ZERO);
        a.repeat(
                form.channels / SLICE,
                R12,
                () -> {
                    slice(SLICE);
                    a.add(RDI, 2 * Storage.BFLOAT16.vectorBytes(set));
                    a.add(RSI, 2 * Storage.BFLOAT16.vectorBytes(set));
                    a.add(RDX, 2L * set.vectorBytes());
                    a.add(RCX, 2L * set.vectorBytes());
                });
        if (form.channels % SLICE > 0) {
            slice(form.channels % SLICE);
        }
    }

    /** Up to 32 channels of all rows. */
    private void slice(int channels) {
        int vectors = set.vectors(channels);
        for (int i = 0; i < vectors && form.normalises; i++) {
            Tail some = tail(i, channels, tail);
            a.load(scale(i), RDX.at((long) i * set.vectorBytes()), some);
            a.load(shift(i), RCX.at((long) i * set.vectorBytes()), some);
        }
        a.copy(R10, RDI);
        a.copy(R11, RSI);
        Loops.inBlocks(
                a,
                form.rows,
                GROUP,
                R13,
                count -> {
                    for (int r = 0; r < count; r++) {
                        if (channels == SLICE && !form.normalises) {
                            a.load(v(r), R10.at(r * form.fromRow));
                            a.store(v(r), R11.at(r * form.toRow));
                        } else {
                            row(r, channels);
                        }
                    }
                    a.add(R10, count * form.fromRow);
                    a.add(R11, count * form.toRow);
                });
    }

    private void row(int row, int channels) {
        int vectors = set.vectors(channels);
        for (int i = 0; i < vectors; i++) {
            long at = i * Storage.BFLOAT16.vectorBytes(set);
            Vector x = v(2 * row + i);
            a.loadBFloat16(x, R10.at(row * form.fromRow + at), tail(i, channels, tail));
            if (form.normalises) {
                a.multiplyAdd(x, scale(i), shift(i));
                a.maximum(x, ZERO, x);
            }
        }
        if (channels == SLICE) {
            wide.round(v(2 * row), v(2 * row + 1), v(2 * row));
            a.store(v(2 * row), R11.at(row * form.toRow));
            return;
        }
        for (int i = 0; i < vectors; i++) {
            long at = row * form.toRow + i * Storage.BFLOAT16.vectorBytes(set);
            a.storeBFloat16(v(2 * row + i), R11.at(at), tail(i, channels, tail));
        }
    }

    private static Vector scale(int vector) {
        return v(24 + vector);
    }

    private static Vector shift(int vector) {
        return v(26 + vector);
    }
}

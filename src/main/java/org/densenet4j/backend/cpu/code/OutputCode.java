package org.densenet4j.backend.cpu.code;

import static org.densenet4j.backend.cpu.code.Register.R10;
import static org.densenet4j.backend.cpu.code.Register.R11;
import static org.densenet4j.backend.cpu.code.Register.R12;
import static org.densenet4j.backend.cpu.code.Register.R13;
import static org.densenet4j.backend.cpu.code.Register.R14;
import static org.densenet4j.backend.cpu.code.Register.R8;
import static org.densenet4j.backend.cpu.code.Register.R9;
import static org.densenet4j.backend.cpu.code.Register.RAX;
import static org.densenet4j.backend.cpu.code.Register.RBP;
import static org.densenet4j.backend.cpu.code.Register.RBX;
import static org.densenet4j.backend.cpu.code.Register.RCX;
import static org.densenet4j.backend.cpu.code.Register.RDI;
import static org.densenet4j.backend.cpu.code.Register.RDX;
import static org.densenet4j.backend.cpu.code.Zmm.zmm;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;

/**
 * The results of a strip of tiles in Winograd's F(4x4, 3x3): {@code y = Aᵀ·M·A} of the 36 products
 * of each tile, into four lines of an image.
 */
public final class OutputCode implements AutoCloseable {
    /** Lines of a strip. */
    public static final int LINES = 4;

    private static final int LINE = 0;
    private static final int M = 32;
    private static final int CONSTANTS = 40;

    /** Bytes of arguments. */
    public static final int ARGUMENTS = 48;

    /** Where each line is written, and the same of the vector in hand. */
    private static final Register[] LINE_AT = {R8, R9, R10, RDX};

    private static final Register[] VECTOR_AT = {RAX, RBX, RCX, RBP};

    private final Assembler a = new Assembler();
    private final TransformCode transform = new TransformCode(a);
    private final Form form;
    private final NativeCode code;

    /**
     * What is compiled.
     *
     * @param storage of the result
     * @param width pixels of a line
     * @param channels of the result
     * @param pixel bytes from pixel to pixel of the result
     * @param matrix bytes from one of the 36 matrices to the next
     */
    public record Form(Storage storage, int width, int channels, long pixel, long matrix) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public OutputCode(Form form) {
        this.form = form;
        this.code = new NativeCode(whole());
    }

    /**
     * Runs; all are addresses.
     *
     * @param lines of the result; those below the image may be any line that is written before
     * @param m the products of the first tile
     * @param constants floats 2, 4, 5 and 8
     */
    public void run(MemorySegment arguments, long[] lines, long m, long constants) {
        for (int i = 0; i < LINES; i++) {
            arguments.set(JAVA_LONG, LINE + 8L * i, lines[i]);
        }
        arguments.set(JAVA_LONG, M, m);
        arguments.set(JAVA_LONG, CONSTANTS, constants);
        code.call(arguments);
    }

    @Override
    public void close() {
        code.close();
    }

    private byte[] whole() {
        a.enter();
        a.first(Mask.K1, form.channels % Zmm.FLOATS);
        a.load(RAX, RDI.at(CONSTANTS));
        transform.constants(RAX.at(0), false);
        for (int i = 0; i < LINES; i++) {
            a.load(LINE_AT[i], RDI.at(LINE + 8L * i));
        }
        a.load(R14, RDI.at(M));
        RowPasses.inBlocks(a, form.width, 4, R12, this::tile);
        a.leave();
        return a.bytes();
    }

    private void tile(int columns) {
        for (int i = LINES - 1; i >= 0; i--) {
            a.copy(VECTOR_AT[i], LINE_AT[i]);
        }
        a.copy(R11, R14);
        a.repeat(
                form.channels / Zmm.FLOATS,
                R13,
                () -> {
                    vector(columns, Mask.K0);
                    a.add(R11, Zmm.BYTES);
                    for (Register line : VECTOR_AT) {
                        a.add(line, form.storage.vectorBytes());
                    }
                });
        if (form.channels % Zmm.FLOATS > 0) {
            vector(columns, Mask.K1);
        }
        for (Register line : LINE_AT) {
            a.add(line, 4 * form.pixel);
        }
        a.add(R14, (long) RowPasses.vectors(form.channels) * Zmm.BYTES);
    }

    private void vector(int columns, Mask mask) {
        for (int j = 0; j < 6; j++) {
            int column = j;
            transform.outputColumn(
                    i -> R11.at((6 * i + column) * form.matrix), i -> zmm(6 * i + column));
        }
        // From the last line up: a line below the image is one above it, written again.
        for (int i = LINES - 1; i >= 0; i--) {
            int line = i;
            transform.outputRow(
                    j -> zmm(6 * line + j),
                    columns,
                    (j, value) ->
                            form.storage.store(a, value, VECTOR_AT[line].at(j * form.pixel), mask));
        }
    }
}

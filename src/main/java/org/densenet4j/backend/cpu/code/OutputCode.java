package org.densenet4j.backend.cpu.code;

import static org.densenet4j.backend.cpu.code.Register.R12;
import static org.densenet4j.backend.cpu.code.Register.R13;
import static org.densenet4j.backend.cpu.code.Register.RAX;
import static org.densenet4j.backend.cpu.code.Register.RBX;
import static org.densenet4j.backend.cpu.code.Register.RDI;
import static org.densenet4j.backend.cpu.code.Register.RSI;
import static org.densenet4j.backend.cpu.code.Zmm.zmm;

/**
 * The results of a strip of tiles in Winograd's F(4x4, 3x3): {@code y = Aᵀ·M·A} of the 36 products
 * of each tile, into four lines of an image.
 */
public final class OutputCode implements AutoCloseable {
    /** Lines of a strip. */
    public static final int LINES = 4;

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
     * @param pixel bytes from pixel to pixel of the result; its lines are one behind the other
     * @param lines of the strip that are in the image
     * @param matrix bytes from one of the 36 matrices to the next
     */
    public record Form(
            Storage storage, int width, int channels, long pixel, int lines, long matrix) {}

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
     * Runs; both are addresses.
     *
     * @param to the first line of the result
     * @param m the products of the first tile
     */
    public void run(long to, long m) {
        code.call(to, m, 0, 0, 0);
    }

    @Override
    public void close() {
        code.close();
    }

    private byte[] whole() {
        a.enter();
        a.first(Mask.K1, form.channels % Zmm.FLOATS);
        transform.constants(false);
        RowPasses.inBlocks(a, form.width, 4, R12, this::tile);
        a.leave();
        return a.bytes();
    }

    private void tile(int columns) {
        a.copy(RAX, RDI);
        a.copy(RBX, RSI);
        a.repeat(
                form.channels / Zmm.FLOATS,
                R13,
                () -> {
                    vector(columns, Mask.K0);
                    a.add(RAX, form.storage.vectorBytes());
                    a.add(RBX, Zmm.BYTES);
                });
        if (form.channels % Zmm.FLOATS > 0) {
            vector(columns, Mask.K1);
        }
        a.add(RDI, 4 * form.pixel);
        a.add(RSI, (long) RowPasses.vectors(form.channels) * Zmm.BYTES);
    }

    private void vector(int columns, Mask mask) {
        for (int j = 0; j < 6; j++) {
            int column = j;
            transform.outputColumn(
                    i -> RBX.at((6 * i + column) * form.matrix), i -> zmm(6 * i + column));
        }
        for (int i = 0; i < form.lines; i++) {
            int line = i;
            transform.outputRow(
                    j -> zmm(6 * line + j),
                    columns,
                    (j, value) ->
                            form.storage.store(
                                    a, value, RAX.at((line * form.width + j) * form.pixel), mask));
        }
    }
}

package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R13;
import static org.densenet4j.backend.cpu.asm.Register.RAX;
import static org.densenet4j.backend.cpu.asm.Register.RBX;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;

/**
 * The results of a strip of tiles in Winograd's F(4x4, 3x3): {@code y = Aᵀ·M·A} of the 36 products
 * of each tile, into four lines of an image.
 */
public final class WinogradOutputKernel extends Kernel {
    /** Lines of a strip. */
    public static final int LINES = 4;

    /** Products of a tile in each direction. */
    private static final int COLUMNS = 6;

    private final WinogradTransform transform;
    private final Form form;
    private Tail tail;

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
    public WinogradOutputKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        this.transform = new WinogradTransform(a, holdsTile() ? COLUMNS * LINES : COLUMNS);
        compile(this::whole);
    }

    /**
     * Runs; both are addresses.
     *
     * @param to the first line of the result
     * @param m the products of the first tile
     */
    public void run(long to, long m) {
        call(to, m, 0, 0, 0);
    }

    private void whole() {
        tail = a.tail(form.channels);
        transform.constants(false);
        Loops.inBlocks(a, form.width, 4, R12, this::tile);
    }

    private void tile(int columns) {
        a.copy(RAX, RDI);
        a.copy(RBX, RSI);
        Loops.forEachVector(
                a,
                form.channels,
                tail,
                R13,
                some -> vector(columns, some),
                () -> {
                    a.add(RAX, form.storage.vectorBytes(set));
                    a.add(RBX, set.vectorBytes());
                });
        a.add(RDI, 4 * form.pixel);
        a.add(RSI, (long) set.vectors(form.channels) * set.vectorBytes());
    }

    /** Whether there are registers for all columns of a tile that is half transformed. */
    private boolean holdsTile() {
        return SumBlock.most(set) >= COLUMNS * LINES;
    }

    private void vector(int columns, Tail some) {
        for (int j = 0; holdsTile() && j < COLUMNS; j++) {
            int column = j;
            transform.outputColumn(i -> product(i, column), i -> v(COLUMNS * i + column));
        }
        for (int i = 0; i < form.lines; i++) {
            int line = i;
            int first = holdsTile() ? COLUMNS * line : 0;
            for (int j = 0; !holdsTile() && j < COLUMNS; j++) {
                int column = j;
                transform.outputColumn(line, k -> product(k, column), v(column));
            }
            transform.outputRow(
                    j -> v(first + j),
                    columns,
                    (j, value) ->
                            form.storage.store(
                                    a, value, RAX.at((line * form.width + j) * form.pixel), some));
        }
    }

    /** One of a tile's 36 products. */
    private Address product(int line, int column) {
        return RBX.at((COLUMNS * line + column) * form.matrix);
    }
}

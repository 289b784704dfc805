package org.densenet4j.backend.cpu.jit;

import org.densenet4j.backend.cpu.asm.Assembler;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Register;

/**
 * How the weights of a convolution of few input channels lie, and their gradient: panels [k·k·C,
 * two vectors of output channels], the last of one vector where there is an odd number.
 *
 * <p>With two vectors a panel of a 7x7 convolution of three channels is 19 KB or 9 KB and stays in
 * the first-level cache with the lines that it is multiplied with.
 *
 * @param set of instructions, whose vectors they are
 * @param kernel k
 * @param inputs C
 * @param outputs number of output channels
 */
public record StemPanels(InstructionSet set, int kernel, int inputs, int outputs) {
    private static final int WIDTH = 2;

    /** Inputs that a line of the kernel covers, next to each other in an image. */
    int lineInputs() {
        return kernel * inputs;
    }

    /** Rows of a panel. */
    private int rows() {
        return kernel * lineInputs();
    }

    /** Floats of all panels. */
    public long floats() {
        return (long) rows() * set.padded(outputs);
    }

    /** Which float of the panels a weight is. */
    public long index(int output, int input, int kernelRow, int kernelColumn) {
        int panel = output / (WIDTH * set.floats());
        int row = kernelRow * lineInputs() + kernelColumn * inputs + input;
        int column = output % (WIDTH * set.floats());
        long before = (long) panel * WIDTH * set.floats() * rows();
        return before + (long) row * vectors(panel) * set.floats() + column;
    }

    /** Panels that are alike: of two vectors, all of which are output channels. */
    int whole() {
        return outputs / (WIDTH * set.floats());
    }

    /** Vectors of a panel, and of what is behind those that are alike; 0 for nothing. */
    int vectors(int panel) {
        return Math.min(WIDTH, set.vectors(outputs) - panel * WIDTH);
    }

    /** Bytes of a row. */
    long rowBytes(int vectors) {
        return (long) vectors * set.vectorBytes();
    }

    /** Bytes of a panel. */
    long bytes(int vectors) {
        return rows() * rowBytes(vectors);
    }

    /** The code of a panel. */
    interface PanelCode {
        /**
         * @param rest it is behind those that are alike, and its last vector may be a tail
         */
        void emit(int vectors, boolean rest);
    }

    /**
     * Runs {@code code} for every panel, counting in {@code counter}, which it must leave alone.
     */
    void forEach(Assembler a, Register counter, PanelCode code) {
        a.repeat(whole(), counter, () -> code.emit(vectors(0), false));
        int rest = vectors(whole());
        if (rest > 0) {
            code.emit(rest, true);
        }
    }
}

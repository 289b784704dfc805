package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.jit.WinogradSourceKernel;
import org.densenet4j.backend.cpu.jit.Words;

/**
 * How many strips of tiles a compiled Winograd convolution transforms before it multiplies, and the
 * scratch that takes.
 */
final class StripGroups {
    /** More tiles, or pairs of them, no longer make products faster. */
    private static final int MOST_ROWS = 32;

    private final InstructionSet set;
    private final ConvolutionShape shape;
    private final Words transformed;
    private final int strips;

    private StripGroups(
            InstructionSet set, ConvolutionShape shape, Words transformed, long budget) {
        this.set = set;
        this.shape = shape;
        this.transformed = transformed;
        long fit = budget / (4L * TileBuffers.ELEMENTS * channels());
        long most = Math.max(1, Math.min(fit, MOST_ROWS) / rows());
        // As even as a full chunk allows: a short last group multiplies at a lower rate.
        long all = (long) shape.images() * down();
        this.strips = Math.toIntExact(Math.ceilDiv(all, Math.ceilDiv(all, most)));
    }

    /** For outputs: source and result of a group fill half of a common second-level cache. */
    static StripGroups forOutputs(Target target, ConvolutionShape shape) {
        return new StripGroups(target.set(), shape, Words.FLOATS, 512L << 10);
    }

    /**
     * For the weight gradient: larger, because the sums, which are larger still, are read and
     * written once for a group.
     */
    static StripGroups forWeights(Target target, ConvolutionShape shape) {
        return new StripGroups(target.set(), shape, target.words(shape.type()), 768L << 10);
    }

    private int channels() {
        return set.padded(shape.inputChannels()) + set.padded(shape.outputChannels());
    }

    /** What tiles are stored as once they are transformed. */
    Words transformed() {
        return transformed;
    }

    /** Rows that a strip fills in the matrices: tiles, or pairs of them. */
    int rows() {
        return WinogradSourceKernel.rows(shape.width(), transformed);
    }

    /** Strips of an image. */
    int down() {
        return Math.ceilDiv(shape.height(), Tiles.SIZE);
    }

    /** Strips of a group. */
    int strips() {
        return strips;
    }

    int image(int strip) {
        return strip / down();
    }

    /** First line of a strip in its image. */
    int top(int strip) {
        return strip % down() * Tiles.SIZE;
    }

    /** Bytes of a strip's transformed columns. */
    long stripBytes() {
        return WinogradSourceKernel.stripBytes(set, shape.width(), transformed);
    }

    /** Bytes of everything in a lane's scratch. */
    long bytes() {
        int rows = strips * rows();
        long floats =
                TileBuffers.matrixFloats(rows, set.padded(shape.inputChannels()))
                        + TileBuffers.matrixFloats(rows, set.padded(shape.outputChannels()));
        return stripBytes() + 4 * TileBuffers.ELEMENTS * floats;
    }
}

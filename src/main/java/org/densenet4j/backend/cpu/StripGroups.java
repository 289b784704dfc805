package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.cpu.code.Storage;
import org.densenet4j.backend.cpu.code.StripCode;

/**
 * How many strips of tiles a compiled Winograd convolution transforms before it multiplies, and the
 * scratch that takes.
 */
final class StripGroups {
    /** More tiles, or pairs of them, no longer make products faster. */
    private static final int MOST_ROWS = 32;

    private final ConvolutionShape shape;
    private final Storage transformed;
    private final int strips;

    private StripGroups(ConvolutionShape shape, Storage transformed, long budget) {
        this.shape = shape;
        this.transformed = transformed;
        long fit = budget / (4L * TileBuffers.ELEMENTS * channels());
        long most = Math.max(1, Math.min(fit, MOST_ROWS) / rows());
        // As even as a full chunk allows: a short last group multiplies at a lower rate.
        long all = (long) shape.images() * down();
        this.strips = Math.toIntExact(Math.ceilDiv(all, Math.ceilDiv(all, most)));
    }

    /** Channels rounded up to whole vectors of the machine code. */
    static int padded(int channels) {
        return Math.ceilDiv(channels, StripCode.LANES) * StripCode.LANES;
    }

    /** For outputs: source and result of a group fill half of a common second-level cache. */
    static StripGroups forOutputs(ConvolutionShape shape) {
        return new StripGroups(shape, Storage.FLOAT32, 512L << 10);
    }

    /**
     * For the weight gradient: larger, because the sums, which are larger still, are read and
     * written once for a group.
     */
    static StripGroups forWeights(ConvolutionShape shape) {
        return new StripGroups(shape, CompiledPointwise.storage(shape.type()), 768L << 10);
    }

    private int channels() {
        return padded(shape.inputChannels()) + padded(shape.outputChannels());
    }

    /** What tiles are stored as once they are transformed. */
    Storage transformed() {
        return transformed;
    }

    /** Rows that a strip fills in the matrices: tiles, or pairs of them. */
    int rows() {
        return StripCode.rows(shape.width(), transformed);
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
        return StripCode.stripBytes(shape.width(), transformed);
    }

    /** Bytes of everything in a lane's scratch. */
    long bytes() {
        int rows = strips * rows();
        long floats =
                TileBuffers.matrixFloats(rows, padded(shape.inputChannels()))
                        + TileBuffers.matrixFloats(rows, padded(shape.outputChannels()));
        return stripBytes() + 4 * TileBuffers.ELEMENTS * floats;
    }
}

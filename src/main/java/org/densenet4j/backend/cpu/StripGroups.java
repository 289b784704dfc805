package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.cpu.code.StripCode;

/**
 * How many strips of tiles a compiled Winograd convolution transforms before it multiplies, and the
 * scratch that takes.
 */
final class StripGroups {
    /** Transformed source and result of a group: half of a common second-level cache. */
    private static final long BUDGET = 512L << 10;

    private static final int MOST_TILES = 32;

    private final ConvolutionShape shape;
    private final int strips;

    StripGroups(ConvolutionShape shape) {
        this.shape = shape;
        long fit = BUDGET / (4L * TileBuffers.ELEMENTS * channels());
        long strips = Math.min(fit, MOST_TILES) / across();
        this.strips = (int) Math.clamp(strips, 1, shape.images() * down());
    }

    private int channels() {
        return TileGroups.padded(shape.inputChannels()) + TileGroups.padded(shape.outputChannels());
    }

    /** Tiles of a strip. */
    int across() {
        return Math.ceilDiv(shape.width(), Tiles.SIZE);
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
        return StripCode.stripBytes(shape.width());
    }

    /** Bytes of everything in a lane's scratch. */
    long bytes() {
        int tiles = strips * across();
        long floats =
                TileBuffers.matrixFloats(tiles, TileGroups.padded(shape.inputChannels()))
                        + TileBuffers.matrixFloats(
                                tiles, TileGroups.padded(shape.outputChannels()));
        return stripBytes() + 4 * TileBuffers.ELEMENTS * floats;
    }
}

package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionShape;

import java.util.SortedSet;
import java.util.TreeSet;

/** How many tiles of a convolution are transformed at a time, and the scratch that takes. */
final class TileGroups {
    /** Transformed source and result of a group: about what stays close to a core. */
    private static final long BUDGET = 3L << 18;

    private static final int LEAST = 32;
    private static final int MOST = 256;

    private final int in;
    private final int out;
    private final int perImage;
    private final int most;

    TileGroups(ConvolutionShape s) {
        this.in = padded(s.inputChannels());
        this.out = padded(s.outputChannels());
        this.perImage = new Tiles(s.height(), s.width()).perImage();
        long fit = BUDGET / (4L * TileBuffers.ELEMENTS * (in + out));
        long all = (long) s.images() * perImage;
        this.most = (int) Math.max(2, Math.min(Math.clamp(fit, LEAST, MOST), all));
    }

    /** Channels rounded up to whole vectors of the Vector API. */
    static int padded(int channels) {
        return Math.ceilDiv(channels, StoredVector.LANES) * StoredVector.LANES;
    }

    /**
     * Rows of the matrices for a group: a single tile gets a row of zeros beside it, because oneDNN
     * 3.13 takes a batch of strided matrices with one row for transposed ones and computes wrong
     * products.
     */
    static int rows(int tiles) {
        return Math.max(2, tiles);
    }

    /** Tiles of each group but possibly the last, for so many tiles. */
    int size(int tiles) {
        return Math.ceilDiv(tiles, Math.ceilDiv(tiles, most));
    }

    /** Every number of rows that a group can have, for one image to all. */
    SortedSet<Integer> allSizes(int images) {
        SortedSet<Integer> sizes = new TreeSet<>();
        for (int i = 1; i <= images; i++) {
            int size = size(i * perImage);
            sizes.add(rows(size));
            sizes.add(rows(i * perImage - (i * perImage - 1) / size * size));
        }
        return sizes;
    }

    /** Bytes of the line of zeros. */
    long zeroBytes() {
        return 4L * Math.max(in, out);
    }

    /** Bytes before the transformed tiles: zeros and 36 vectors. */
    long fixedBytes() {
        return zeroBytes() + 4L * TileBuffers.ELEMENTS * StoredVector.LANES;
    }

    /** Bytes of everything in a lane's scratch. */
    long bytes() {
        long floats = TileBuffers.matrixFloats(most, in) + TileBuffers.matrixFloats(most, out);
        return fixedBytes() + 4 * TileBuffers.ELEMENTS * floats;
    }
}

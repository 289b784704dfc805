package org.densenet4j.plan;

import org.densenet4j.graph.Features;

import java.util.Optional;

/**
 * How an image that does not fit into the cache is cut into bands of its rows. A convolution with a
 * 3x3 kernel also reads the row above a band and the one below: its halo.
 *
 * <p>All bands of an image are of one height, which divides the image's: so that a convolution is
 * prepared for one shape, and statistics are taken over chunks of one size.
 *
 * @param height rows of pixels of an image
 * @param width columns of pixels of an image
 * @param rows rows of pixels of a band
 */
public record Bands(int height, int width, int rows) {
    /** Below this, too much of what is computed would be halo. */
    private static final int LEAST_ROWS = 8;

    /** Images up to this multiple of the cache are worked on whole. */
    private static final int CACHES_OF_A_WHOLE_IMAGE = 8;

    /**
     * Bands, where an image is far larger than what fits, and has a height that can be cut.
     *
     * @param bytesPerRow scratch of one row of pixels
     * @param budget bytes that fit
     * @param multipleOf what the height of a band has to be a multiple of
     */
    static Optional<Bands> of(
            int height, int width, long bytesPerRow, long budget, int multipleOf) {
        if (bytesPerRow * height <= CACHES_OF_A_WHOLE_IMAGE * budget) {
            return Optional.empty();
        }
        int best = height;
        for (int rows = height - 1; rows >= LEAST_ROWS; rows--) {
            if (height % rows == 0 && rows % multipleOf == 0) {
                best = rows;
                if (bytesPerRow * rows <= budget) {
                    break;
                }
            }
        }
        return best == height ? Optional.empty() : Optional.of(new Bands(height, width, best));
    }

    /**
     * So many bands or more, as few as there may be, where the image has a height that can be cut.
     *
     * @param multipleOf what the height of a band has to be a multiple of
     */
    static Optional<Bands> atLeast(int bands, int height, int width, int multipleOf) {
        for (int rows = height / bands; rows >= LEAST_ROWS; rows--) {
            if (height % rows == 0 && rows % multipleOf == 0) {
                return Optional.of(new Bands(height, width, rows));
            }
        }
        return Optional.empty();
    }

    /** {@return the bands of a batch as chunks of its rows} */
    public Chunks chunks() {
        return new Chunks(height * width, rows * width);
    }

    /** The same bands of features that are half as high and wide. */
    Chunks halved(Features features) {
        return new Chunks(features.pixels(), rows / 2 * features.width());
    }

    /**
     * {@return the first row of pixels of a band in its image}
     *
     * @param band one of {@link #chunks}
     */
    public int top(Chunk band) {
        return band.firstRow() / width % height;
    }

    /**
     * {@return how many rows of pixels above a band there are in its image, at most {@code halo}}
     *
     * @param band one of {@link #chunks}
     * @param halo rows of pixels that are wanted
     */
    public int above(Chunk band, int halo) {
        return Math.min(halo, top(band));
    }

    /**
     * {@return how many rows of pixels below a band there are in its image, at most {@code halo}}
     *
     * @param band one of {@link #chunks}
     * @param halo rows of pixels that are wanted
     */
    public int below(Chunk band, int halo) {
        return Math.min(halo, height - top(band) - rows);
    }

    /**
     * {@return a band with rows of pixels above and below it}
     *
     * @param band one of {@link #chunks}
     * @param above rows of pixels of its image above it
     * @param below rows of pixels of its image below it
     */
    public Chunk extended(Chunk band, int above, int below) {
        return band.extended(above * width, below * width);
    }
}

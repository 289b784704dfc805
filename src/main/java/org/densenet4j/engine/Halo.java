package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Bands;
import org.densenet4j.plan.Chunk;

/**
 * The rows of pixels above and below a band that a kernel reaches. Beyond the image's edge they are
 * zeros, so that a band with its halo is convolved as if it were an image.
 */
final class Halo {
    private final Kernels kernels;
    private final Bands bands;
    private final int size;
    private final int rows;

    /**
     * A halo.
     *
     * @param size rows of pixels above a band, and below it
     */
    Halo(Kernels kernels, Bands bands, int size) {
        this.kernels = kernels;
        this.bands = bands;
        this.size = size;
        this.rows = size * bands.width();
    }

    /** A band's own rows of a matrix that has its halo, too. */
    Matrix own(Chunk band, Matrix withHalo) {
        return withHalo.rows(rows, band.rows());
    }

    /** A band and what its image has of the halo. */
    Chunk extended(Chunk band) {
        return bands.extended(band, bands.above(band, size), bands.below(band, size));
    }

    /** The rows of {@link #extended} in a matrix with the whole halo, whose others are zeroed. */
    Matrix inside(Chunk band, Chunk extended, Matrix withHalo) {
        int outsideAbove = rows - (band.firstRow() - extended.firstRow());
        int outsideBelow = withHalo.rows() - outsideAbove - extended.rows();
        kernels.fill(withHalo.rows(0, outsideAbove), 0);
        kernels.fill(withHalo.rows(withHalo.rows() - outsideBelow, outsideBelow), 0);
        return withHalo.rows(outsideAbove, extended.rows());
    }

    /** Zeroes the halo. */
    void clear(Matrix withHalo) {
        kernels.fill(withHalo.rows(0, rows), 0);
        kernels.fill(withHalo.rows(withHalo.rows() - rows, rows), 0);
    }
}

package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Window;

/**
 * Bands of rows of a convolution's output, and the rows of pixels that it reads for each. These are
 * convolved as if they were an image. What comes out at its top, ⌈p/s⌉ rows with stride s and
 * padding p, and at its bottom reached into that image's padding: it is wrong, and not used.
 *
 * @param bands of the output
 * @param window of the convolution
 * @param sourceHeight rows of pixels of an image that is read
 * @param sourceWidth columns of pixels of it
 * @param reachAbove rows of pixels of the output above a band that are wanted with it
 * @param reachBelow the same below
 */
public record ConvolvedBands(
        Bands bands,
        Window window,
        int sourceHeight,
        int sourceWidth,
        int reachAbove,
        int reachBelow) {

    /** {@return rows of pixels that come out above a band} */
    public int above() {
        return reachAbove + Math.ceilDiv(window.padding(), window.stride());
    }

    /** {@return rows of pixels that come out below a band} */
    public int below() {
        return convolvedHeight() - above() - bands.rows();
    }

    /** {@return rows of pixels that come out: a band, and what is above and below it} */
    public int convolvedHeight() {
        return window.output(readHeight());
    }

    /**
     * {@return rows of pixels that are read for a band: what reaches it, and all that lie beside
     * it}
     */
    public int readHeight() {
        int behind = above() + bands.rows();
        int last = behind + reachBelow - 1;
        return Math.max(
                last * window.stride() - window.padding() + window.kernel(),
                behind * window.stride());
    }

    /** Rows of a matrix with {@link #convolvedHeight}. */
    int convolvedPixels() {
        return convolvedHeight() * bands.width();
    }

    /** Rows of a matrix with {@link #readHeight}. */
    int readPixels() {
        return readHeight() * sourceWidth;
    }

    /** The first row of pixels that is read for a band; negative where that is above the image. */
    private int top(Chunk band) {
        return (bands.top(band) - above()) * window.stride();
    }

    /**
     * {@return what is read for a band, as far as it is inside the image}
     *
     * @param band one of the {@link #bands}
     */
    public Chunk read(Chunk band) {
        int from = Math.max(0, top(band));
        int to = Math.min(sourceHeight, top(band) + readHeight());
        return new Chunk(
                band.index(),
                (band.firstImage() * sourceHeight + from) * sourceWidth,
                (to - from) * sourceWidth,
                band.firstImage(),
                1);
    }

    /** {@return what is read beside the bands: the rows above and below are other bands'} */
    public Chunks beside() {
        return new Chunks(sourceHeight * sourceWidth, window.stride() * bands.rows() * sourceWidth);
    }

    /**
     * {@return a band's {@link #beside} in a matrix with {@link #readHeight}}
     *
     * @param beside one of {@link #beside}
     * @param withHalo [readHeight·sourceWidth, C]
     */
    public Matrix ownRead(Chunk beside, Matrix withHalo) {
        return withHalo.rows(above() * window.stride() * sourceWidth, beside.rows());
    }

    /**
     * {@return the rows of {@link #read} in a matrix with {@link #readHeight}, whose others are
     * zeroed}
     *
     * @param kernels of the arena that the matrix is in
     * @param band one of the {@link #bands}
     * @param withHalo [readHeight·sourceWidth, C]
     */
    public Matrix inside(Kernels kernels, Chunk band, Matrix withHalo) {
        int above = Math.max(0, -top(band)) * sourceWidth;
        return only(kernels, withHalo, above, read(band).rows());
    }

    /**
     * {@return a band's own rows of a matrix with {@link #convolvedHeight}}
     *
     * @param band one of the {@link #bands}
     * @param withHalo [convolvedHeight·width, C]
     */
    public Matrix own(Chunk band, Matrix withHalo) {
        return withHalo.rows(above() * bands.width(), band.rows());
    }

    /**
     * Zeroes the other rows of a matrix with {@link #convolvedHeight}.
     *
     * @param kernels of the arena that the matrix is in
     * @param band one of the {@link #bands}
     * @param withHalo [convolvedHeight·width, C]
     */
    public void clearAround(Kernels kernels, Chunk band, Matrix withHalo) {
        only(kernels, withHalo, above() * bands.width(), band.rows());
    }

    /**
     * {@return some rows of a matrix, whose others are zeroed}
     *
     * @param kernels of the arena that the matrix is in
     * @param all any matrix
     * @param first the first row that stays
     * @param rows how many stay
     */
    public static Matrix only(Kernels kernels, Matrix all, int first, int rows) {
        int behind = first + rows;
        kernels.fill(all.rows(0, first), 0);
        kernels.fill(all.rows(behind, all.rows() - behind), 0);
        return all.rows(first, rows);
    }

    /** The convolution of one band. */
    ConvolutionShape shape(int in, int out, NodePlanner planner) {
        return planner.convolution(1, readHeight(), sourceWidth, in, out, window);
    }
}

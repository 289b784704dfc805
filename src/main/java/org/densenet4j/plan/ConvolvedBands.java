package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.graph.Window;

/**
 * Bands of rows of a convolution's output, and the rows of pixels that it reads for each. These are
 * convolved as if they were an image. With stride s and padding p, ⌈p/s⌉ rows of what comes out at
 * the top and ⌊p/s⌋ at the bottom reached into the padding of that image: they are wrong, and not
 * used.
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

    /** Rows of pixels that come out above a band. */
    public int above() {
        return reachAbove + Math.ceilDiv(window.padding(), window.stride());
    }

    /** Rows of pixels that come out below a band. */
    public int below() {
        return reachBelow + window.padding() / window.stride();
    }

    /** Rows of pixels that come out: a band, and what is above and below it. */
    public int convolvedHeight() {
        return above() + bands.rows() + below();
    }

    /** Rows of pixels that are read for a band. */
    public int readHeight() {
        int last = above() + bands.rows() + reachBelow - 1;
        return last * window.stride() - window.padding() + window.kernel();
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

    /** What is read for a band, as far as it is inside the image. */
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

    /** Rows of a matrix with {@link #readHeight} that are above the image. */
    public int outsideAbove(Chunk band) {
        return Math.max(0, -top(band)) * sourceWidth;
    }

    /** The convolution of one band. */
    ConvolutionShape shape(int in, int out, DataType precision) {
        return new ConvolutionShape(
                1,
                readHeight(),
                sourceWidth,
                in,
                out,
                window.kernel(),
                window.stride(),
                window.padding(),
                precision);
    }
}

package org.densenet4j.backend.cpu;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.jit.TilePanels;

/**
 * A copy of a group's images with zeros around them, in which a convolution's tap is a distance:
 * what a tap reads for one pixel after the other lies one behind the other. With a stride of s the
 * pixels of every s-th row and column are a phase, and phases lie one behind the other, so that
 * this is so there, too. Rows of pixels of an image are followed by those of the next; pixels at
 * the end of a row, and rows at the end of an image, are computed and not used.
 *
 * @param offset of the first pixel
 * @param pitch pixels from row to row of a phase
 * @param rowsOfImage rows of a phase from image to image
 * @param pixels of all rows of a phase that are computed
 * @param pixelsOfPhase from phase to phase
 * @param phases how many there are
 * @param channels of a pixel: those of the images and zeros, up to a multiple of 32
 */
record PhasedImages(
        long offset,
        int pitch,
        int rowsOfImage,
        int pixels,
        int pixelsOfPhase,
        int phases,
        int channels) {
    /**
     * Room for a group.
     *
     * @param group with the rows that are computed
     * @param reach how many rows and columns further taps read
     * @param channels of the images
     */
    static PhasedImages of(
            long offset, ImageGroup group, int pitch, int reach, int phases, int channels) {
        int rowsOfImage = group.rows() + reach;
        int pixels = (group.images() * rowsOfImage - reach) * pitch;
        int behind = reach * pitch + reach + 2;
        int pixelsOfPhase = (TilePanels.padded(pixels + 1) + behind + 1) / 2 * 2;
        return new PhasedImages(
                offset,
                pitch,
                rowsOfImage,
                pixels,
                pixelsOfPhase,
                phases,
                TilePanels.padded(channels));
    }

    /** Pixels that are computed, up to whole blocks of rows. */
    int paddedPixels() {
        return TilePanels.padded(pixels);
    }

    private long pixelBytes() {
        return (long) channels * DataType.BFLOAT16.bytes();
    }

    long bytes() {
        return Scratch.rounded(phases * pixelsOfPhase * pixelBytes());
    }

    /** Bytes to a pixel. */
    long bytesTo(long pixel) {
        return pixel * pixelBytes();
    }

    /** All of them, as a matrix. */
    Matrix all() {
        return new Matrix(offset, phases * pixelsOfPhase, channels, channels, DataType.BFLOAT16);
    }

    /**
     * Pixels that are next to each other.
     *
     * @param image of the group
     * @param row of the image in the phase
     */
    Matrix pixels(int phase, int image, int row, int column, int count, int channelsOfImages) {
        int first = phase * pixelsOfPhase + (image * rowsOfImage + row) * pitch + column;
        return all().rows(first, count).columns(0, channelsOfImages);
    }
}

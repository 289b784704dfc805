package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;

/**
 * The pixels of a row of the source that are in a phase.
 *
 * @param column of the first in the phase
 */
record PixelRow(ConvolutionShape shape, int y, int x, int column, int count) {
    static PixelRow of(ConvolutionShape s, int y, int phase) {
        int column = Math.max(0, Math.ceilDiv(s.padding() - phase, s.stride()));
        int x = column * s.stride() + phase - s.padding();
        int count = y < 0 || y >= s.height() ? 0 : Math.ceilDiv(s.width() - x, s.stride());
        return new PixelRow(s, y, x, column, Math.max(0, count));
    }

    /** As rows of a matrix of all images' pixels. */
    Matrix of(Matrix images, int image) {
        int first = (image * shape.height() + y) * shape.width() + x;
        int stride = shape.stride() * images.stride();
        return new Matrix(images.at(first, 0), count, images.columns(), stride, images.type());
    }
}

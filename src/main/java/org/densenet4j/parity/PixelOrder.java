package org.densenet4j.parity;

import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.PixelHead;
import org.densenet4j.graph.Read;

/**
 * Images, and logits of pixels, with channels first, as the other framework has them, and with
 * channels last, as here.
 */
final class PixelOrder {
    private final int pixels;
    private final int channels;

    private PixelOrder(int pixels, int channels) {
        this.pixels = pixels;
        this.channels = channels;
    }

    /** Of a head's outputs. */
    static PixelOrder ofOutputs(PixelHead head) {
        Read read = head.reads().getFirst();
        return new PixelOrder(read.height() * read.width(), head.classes());
    }

    /** Of a network's images. */
    static PixelOrder ofImages(NetworkSpec spec) {
        return new PixelOrder(spec.inputHeight() * spec.inputWidth(), spec.inputChannels());
    }

    /** Of a network's logits, which are those of one pixel where images have one label each. */
    static PixelOrder ofLogits(NetworkSpec spec) {
        return new PixelOrder(spec.graph().labelsPerImage(), spec.graph().classes());
    }

    /** Of one image. */
    int elements() {
        return pixels * channels;
    }

    double[] channelsLast(double[] channelsFirst) {
        return swap(channelsFirst, channels, pixels);
    }

    double[] channelsFirst(double[] channelsLast) {
        return swap(channelsLast, pixels, channels);
    }

    /** Transposes the matrix [rows, columns] of every image. */
    private static double[] swap(double[] values, int rows, int columns) {
        double[] result = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            int image = i / (rows * columns) * rows * columns;
            int row = (i - image) / columns;
            int column = (i - image) % columns;
            result[image + column * rows + row] = values[i];
        }
        return result;
    }
}

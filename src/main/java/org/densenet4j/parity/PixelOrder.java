package org.densenet4j.parity;

import org.densenet4j.spec.DenseNetSpec;

/** Images with channels first, as the other framework has them, and with channels last, as here. */
final class PixelOrder {
    private final int pixels;
    private final int channels;

    PixelOrder(DenseNetSpec spec) {
        pixels = spec.inputHeight() * spec.inputWidth();
        channels = spec.inputChannels();
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

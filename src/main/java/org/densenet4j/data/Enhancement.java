package org.densenet4j.data;

import java.util.Arrays;

/**
 * Blends of an image with a duller one, as Pillow's {@code ImageEnhance} computes them: factor 0 is
 * the duller one, 1 the image, and above 1 more than that.
 */
final class Enhancement {
    private Enhancement() {}

    /** With black. */
    static Image brightness(Image image, double factor) {
        return blend(new byte[image.pixels().length], image, factor);
    }

    /** With its own grey. */
    static Image colour(Image image, double factor) {
        return image.channels() == 3
                ? blend(image.inChannels(1).inChannels(3).pixels(), image, factor)
                : image;
    }

    /** With the mean of its grey. */
    static Image contrast(Image image, double factor) {
        Image grey = image.channels() == 3 ? image.inChannels(1) : image;
        long sum = 0;
        for (byte value : grey.pixels()) {
            sum += value & 0xFF;
        }
        byte mean = (byte) ((double) sum / grey.pixels().length + 0.5);
        byte[] dull = new byte[image.pixels().length];
        Arrays.fill(dull, mean);
        return blend(dull, image, factor);
    }

    /** With what it is smoothed: a pixel counts five times, its eight neighbours once. */
    static Image sharpness(Image image, double factor) {
        int channels = image.channels();
        int stride = image.width() * channels;
        byte[] pixels = image.pixels();
        byte[] smooth = pixels.clone(); // the edge stays
        for (int y = 1; y < image.height() - 1; y++) {
            for (int i = channels; i < stride - channels; i++) {
                int at = y * stride + i;
                int sum = 4 * (pixels[at] & 0xFF);
                for (int row = at - stride; row <= at + stride; row += stride) {
                    sum +=
                            (pixels[row - channels] & 0xFF)
                                    + (pixels[row] & 0xFF)
                                    + (pixels[row + channels] & 0xFF);
                }
                smooth[at] = (byte) ((2 * sum + 13) / 26); // rounded
            }
        }
        return blend(smooth, image, factor);
    }

    private static Image blend(byte[] dull, Image image, double factor) {
        byte[] pixels = image.pixels();
        byte[] out = new byte[pixels.length];
        float share = (float) factor;
        for (int i = 0; i < out.length; i++) {
            int from = dull[i] & 0xFF;
            float value = from + share * ((pixels[i] & 0xFF) - from);
            out[i] = (byte) (int) Math.clamp(value, 0f, 255f);
        }
        return new Image(image.height(), image.width(), image.channels(), out);
    }
}

package org.densenet4j.data;

import java.util.random.RandomGenerator;

/**
 * The part of an image, and of its labels, that a network sees. What lies outside of the image is
 * padded: 0 after normalisation, and void.
 *
 * @param top row of the image that is the window's first; negative where the image is padded
 * @param left column of the image that is the window's first; negative where the image is padded
 * @param height rows
 * @param width columns
 * @param mirrored whether left and right change places
 */
record PixelWindow(int top, int left, int height, int width, boolean mirrored) {
    /** The whole image. */
    static PixelWindow whole(Image image, boolean mirrored) {
        return new PixelWindow(0, 0, image.height(), image.width(), mirrored);
    }

    /** The middle of an image. */
    static PixelWindow centre(Image image, int height, int width, boolean mirrored) {
        return new PixelWindow(
                Math.floorDiv(image.height() - height, 2),
                Math.floorDiv(image.width() - width, 2),
                height,
                width,
                mirrored);
    }

    /** Anywhere in an image; an image that is smaller lies anywhere in the window. */
    static PixelWindow random(
            Image image, int height, int width, boolean mirrored, RandomGenerator random) {
        return new PixelWindow(
                offset(image.height() - height, random),
                offset(image.width() - width, random),
                height,
                width,
                mirrored);
    }

    /** One of 0 to {@code room}, or of {@code room} to 0. */
    private static int offset(int room, RandomGenerator random) {
        return Math.min(0, room) + random.nextInt(Math.abs(room) + 1);
    }

    /**
     * Cuts it out.
     *
     * @param images receives height·width·channels normalised values from its place on
     * @param labels receives height·width labels from its place on
     * @param place of the image in the batch
     */
    void cut(
            LabelledImage from,
            Normalisation normalisation,
            float[] images,
            int[] labels,
            int place) {
        Image image = from.image();
        byte[] pixels = image.pixels();
        int channels = image.channels();
        for (int y = 0; y < height; y++) {
            int sourceY = top + y;
            for (int x = 0; x < width; x++) {
                int sourceX = left + (mirrored ? width - 1 - x : x);
                int target = (place * height + y) * width + x;
                boolean inside =
                        sourceY >= 0
                                && sourceY < image.height()
                                && sourceX >= 0
                                && sourceX < image.width();
                if (!inside) {
                    labels[target] = SegmentationBatch.VOID;
                    continue; // the pixels are zero already
                }
                int source = sourceY * image.width() + sourceX;
                int label = from.labels()[source] & 0xFF;
                labels[target] = label == LabelledImage.VOID ? SegmentationBatch.VOID : label;
                for (int c = 0; c < channels; c++) {
                    float value = (pixels[source * channels + c] & 0xFF) / 255f;
                    images[target * channels + c] = normalisation.apply(value, c);
                }
            }
        }
    }
}

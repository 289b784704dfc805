package org.densenet4j.data;

import java.util.SplittableRandom;

/**
 * Random crop with zero padding and random horizontal flip, as the DenseNet paper trains on CIFAR
 * (Huang et al. 2017, section 4.1). Padding is zero after normalisation, as in the authors' code.
 *
 * <p>What happens to an image depends on (seed, epoch, index) alone, not on threads or history.
 *
 * @param padding pixels of padding on each side, 0 for no crop
 * @param flip whether half of the images are mirrored left to right
 */
public record Augmentation(int padding, boolean flip) {
    /** Leaves images as they are. */
    public static final Augmentation NONE = new Augmentation(0, false);

    /** 4-pixel padding, crop and flip. */
    public static final Augmentation CIFAR = new Augmentation(4, true);

    /** 2-pixel padding and crop: for images whose mirror image is another class. */
    public static final Augmentation SHIFT = new Augmentation(2, false);

    /** Checks the padding. */
    public Augmentation {
        if (padding < 0 || padding > 1024) {
            throw new IllegalArgumentException("padding = " + padding + ": use 0 to 1024");
        }
    }

    /**
     * Normalises and augments one image.
     *
     * @param pixels HWC bytes
     * @param out receives HWC floats from {@code at} on
     */
    void apply(
            byte[] pixels,
            int height,
            int width,
            int channels,
            Normalisation normalisation,
            SplittableRandom random,
            float[] out,
            int at) {
        int dy = padding == 0 ? 0 : random.nextInt(-padding, padding + 1);
        int dx = padding == 0 ? 0 : random.nextInt(-padding, padding + 1);
        boolean mirror = flip && random.nextBoolean();
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                int sourceY = y + dy;
                int sourceX = (mirror ? width - 1 - x : x) + dx;
                boolean inside =
                        sourceY >= 0 && sourceY < height && sourceX >= 0 && sourceX < width;
                int target = at + (y * width + x) * channels;
                int source = (sourceY * width + sourceX) * channels;
                for (int c = 0; c < channels; c++) {
                    out[target + c] = inside ? normalisation.apply(pixels[source + c], c) : 0f;
                }
            }
        }
    }
}

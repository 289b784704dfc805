package org.densenet4j.data;

import java.util.Objects;
import java.util.random.RandomGenerator;

/**
 * Covers a random box of some images (Zhong et al. 2017, arXiv 1708.04896): torchvision's {@code
 * RandomErasing}, with timm's kinds of filling. It comes last, on normalised values.
 *
 * @param probability share of the images that have a box
 * @param filling what is put there
 */
public record RandomErasing(double probability, Filling filling) {
    private static final double LEAST_AREA = 0.02;
    private static final double MOST_AREA = 0.33;
    private static final double LEAST_ASPECT = 0.3;
    private static final double MOST_ASPECT = 3.3;
    private static final int TRIES = 10;

    /** What a box is filled with, after normalisation. */
    public enum Filling {
        /** Zero, the mean of all images: torchvision's default, timm's {@code const}. */
        ZERO,
        /** One draw from the normal distribution for each channel: timm's {@code rand}. */
        COLOUR,
        /** One for each value: torchvision's {@code "random"}, timm's {@code pixel}. */
        PIXEL
    }

    /** Checks the probability. */
    public RandomErasing {
        Objects.requireNonNull(filling, "filling");
        if (!(probability >= 0 && probability <= 1)) {
            throw new IllegalArgumentException(
                    "random erasing = " + probability + ": use a probability from 0 to 1");
        }
    }

    /** Changes an image of HWC floats in place. */
    void apply(
            float[] values, int at, int height, int width, int channels, RandomGenerator random) {
        if (random.nextDouble() >= probability) {
            return;
        }
        double area = (double) height * width;
        double leastLog = Math.log(LEAST_ASPECT);
        double mostLog = Math.log(MOST_ASPECT);
        for (int i = 0; i < TRIES; i++) {
            double erased = area * (LEAST_AREA + (MOST_AREA - LEAST_AREA) * random.nextDouble());
            double aspect = Math.exp(leastLog + (mostLog - leastLog) * random.nextDouble());
            int h = (int) Math.rint(Math.sqrt(erased * aspect));
            int w = (int) Math.rint(Math.sqrt(erased / aspect));
            if (h < height && w < width) {
                int top = random.nextInt(height - h + 1);
                int left = random.nextInt(width - w + 1);
                float[] colour = new float[channels];
                for (int c = 0; c < channels && filling == Filling.COLOUR; c++) {
                    colour[c] = (float) random.nextGaussian();
                }
                for (int y = top; y < top + h; y++) {
                    int row = at + (y * width + left) * channels;
                    for (int k = 0; k < w * channels; k++) {
                        values[row + k] =
                                filling == Filling.PIXEL
                                        ? (float) random.nextGaussian()
                                        : colour[k % channels];
                    }
                }
                return;
            }
        }
    }
}

package org.densenet4j.data;

import java.util.random.RandomGenerator;

/**
 * Random brightness, contrast and saturation in random order, each by a factor from {@code 1 − x}
 * to {@code 1 + x} (as torchvision's {@code ColorJitter}), and lighting noise along the principal
 * components of ImageNet's colours (Krizhevsky et al. 2012, section 4.1). For RGB images.
 *
 * @param brightness x of the factor of all values, 0 for none
 * @param contrast x of the blend with the mean grey of the image
 * @param saturation x of the blend with each pixel's grey
 * @param lighting standard deviation of the noise
 */
public record ColourJitter(double brightness, double contrast, double saturation, double lighting) {
    /** Leaves colours as they are. */
    public static final ColourJitter NONE = new ColourJitter(0, 0, 0, 0);

    /** 0.4 each and lighting 0.1, as the DenseNet authors' ImageNet training (fb.resnet.torch). */
    public static final ColourJitter IMAGENET = new ColourJitter(0.4, 0.4, 0.4, 0.1);

    // Eigenvalues and eigenvectors of the covariance of ImageNet's RGB values (published with
    // AlexNet).
    private static final float[] EIGENVALUES = {0.2175f, 0.0188f, 0.0045f};
    private static final float[][] EIGENVECTORS = {
        {-0.5675f, 0.7192f, 0.4009f},
        {-0.5808f, -0.0045f, -0.8140f},
        {-0.5836f, -0.6948f, 0.4203f}
    };

    /** Checks the ranges. */
    public ColourJitter {
        for (double x : new double[] {brightness, contrast, saturation, lighting}) {
            if (!(x >= 0 && x <= 1)) {
                throw new IllegalArgumentException(
                        "colour jitter = " + x + ": use a number from 0 to 1");
            }
        }
    }

    /**
     * {@return the same strength of brightness, contrast and saturation, and a quarter of it as
     * lighting}
     *
     * @param strength from 0, for none, to 1
     */
    public static ColourJitter of(double strength) {
        return strength == 0 ? NONE : new ColourJitter(strength, strength, strength, strength / 4);
    }

    /** {@return whether anything changes} */
    public boolean active() {
        return brightness > 0 || contrast > 0 || saturation > 0 || lighting > 0;
    }

    /** Changes RGB values from 0 to 1 in place. */
    void apply(float[] rgb, RandomGenerator random) {
        int[] order = {0, 1, 2};
        for (int i = 2; i > 0; i--) {
            int j = random.nextInt(i + 1);
            int swap = order[i];
            order[i] = order[j];
            order[j] = swap;
        }
        for (int operation : order) {
            switch (operation) {
                case 0 -> blend(rgb, factor(brightness, random), false, 0);
                case 1 -> blend(rgb, factor(contrast, random), false, meanGrey(rgb));
                default -> blend(rgb, factor(saturation, random), true, 0);
            }
        }
        if (lighting > 0) {
            light(rgb, random);
        }
    }

    private static float factor(double strength, RandomGenerator random) {
        return (float) (1 + strength * (2 * random.nextDouble() - 1));
    }

    private static float grey(float[] rgb, int p) {
        return 0.299f * rgb[p] + 0.587f * rgb[p + 1] + 0.114f * rgb[p + 2];
    }

    private static float meanGrey(float[] rgb) {
        double sum = 0;
        for (int p = 0; p < rgb.length; p += 3) {
            sum += grey(rgb, p);
        }
        return (float) (3 * sum / rgb.length);
    }

    /** {@code factor·x + (1 − factor)·other}, clamped, where other is a constant or the grey. */
    private static void blend(float[] rgb, float factor, boolean withGrey, float constant) {
        for (int p = 0; p < rgb.length; p += 3) {
            float other = (1 - factor) * (withGrey ? grey(rgb, p) : constant);
            for (int c = p; c < p + 3; c++) {
                rgb[c] = Math.clamp(factor * rgb[c] + other, 0f, 1f);
            }
        }
    }

    private void light(float[] rgb, RandomGenerator random) {
        float[] shift = new float[3];
        for (int e = 0; e < 3; e++) {
            float alpha = (float) (lighting * random.nextGaussian()) * EIGENVALUES[e];
            for (int c = 0; c < 3; c++) {
                shift[c] += EIGENVECTORS[c][e] * alpha;
            }
        }
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] += shift[i % 3];
        }
    }
}

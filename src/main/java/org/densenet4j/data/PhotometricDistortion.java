package org.densenet4j.data;

import java.util.random.RandomGenerator;

/**
 * SSD's random changes of colour (Liu et al. 2016, arXiv 1512.02325, section 2.2, and the authors'
 * code), each in half of the images: brightness, contrast, saturation and hue. Contrast is changed
 * before or after the other two. For RGB images.
 *
 * @param brightness most that is added to values of 0 to 255, or taken away
 * @param contrast x of the factor from 1 − x to 1 + x of all values
 * @param saturation x of the factor of the saturation, in HSV
 * @param hue most degrees of 360 that the hue is turned by, in HSV
 */
public record PhotometricDistortion(
        double brightness, double contrast, double saturation, double hue) {
    /** Leaves colours as they are. */
    public static final PhotometricDistortion NONE = new PhotometricDistortion(0, 0, 0, 0);

    /** 32, 0.5, 0.5 and 36 degrees. */
    public static final PhotometricDistortion SSD = new PhotometricDistortion(32, 0.5, 0.5, 36);

    private static final float MOST = 255;

    /** Checks the ranges. */
    public PhotometricDistortion {
        boolean inside =
                brightness >= 0
                        && brightness <= MOST
                        && contrast >= 0
                        && contrast <= 1
                        && saturation >= 0
                        && saturation <= 1
                        && hue >= 0
                        && hue <= 180;
        if (!inside) {
            throw new IllegalArgumentException(
                    "distortion of brightness "
                            + brightness
                            + ", contrast "
                            + contrast
                            + ", saturation "
                            + saturation
                            + ", hue "
                            + hue
                            + ": use 0 to 255, 0 to 1 twice, and 0 to 180 degrees");
        }
    }

    /** An image of other colours. */
    Image apply(Image image, RandomGenerator random) {
        if (equals(NONE)) {
            return image;
        }
        if (image.channels() != 3) {
            throw new IllegalArgumentException(
                    "photometric distortion needs RGB images, these have "
                            + image.channels()
                            + " channels");
        }
        double shift = drawn(brightness, random);
        boolean contrastFirst = random.nextBoolean();
        float contrastFactor = (float) (1 + drawn(contrast, random));
        float saturationFactor = (float) (1 + drawn(saturation, random));
        double turn = drawn(hue, random);
        byte[] pixels = image.pixels();
        byte[] changed = new byte[pixels.length];
        float[] rgb = new float[3];
        for (int p = 0; p < pixels.length; p += 3) {
            for (int c = 0; c < 3; c++) {
                rgb[c] = clamped((pixels[p + c] & 0xFF) + (float) shift);
            }
            if (contrastFirst) {
                scale(rgb, contrastFactor);
            }
            saturate(rgb, saturationFactor);
            turn(rgb, turn);
            if (!contrastFirst) {
                scale(rgb, contrastFactor);
            }
            for (int c = 0; c < 3; c++) {
                changed[p + c] = (byte) Math.round(rgb[c]);
            }
        }
        return new Image(image.height(), image.width(), 3, changed);
    }

    /** From −most to most, or 0 in half of the cases. */
    private static double drawn(double most, RandomGenerator random) {
        boolean on = random.nextBoolean();
        double value = most * (2 * random.nextDouble() - 1);
        return on ? value : 0;
    }

    private static float clamped(float value) {
        return Math.clamp(value, 0f, MOST);
    }

    private static void scale(float[] rgb, float factor) {
        for (int c = 0; c < 3; c++) {
            rgb[c] = clamped(factor * rgb[c]);
        }
    }

    /** HSV's S = (V − least)/V times a factor, at most 1; V, the largest value, stays. */
    static void saturate(float[] rgb, float factor) {
        float value = Math.max(rgb[0], Math.max(rgb[1], rgb[2]));
        float least = Math.min(rgb[0], Math.min(rgb[1], rgb[2]));
        if (value == least) {
            return;
        }
        float possible = Math.min(factor, value / (value - least));
        for (int c = 0; c < 3; c++) {
            rgb[c] = clamped(value - (value - rgb[c]) * possible);
        }
    }

    /** HSV's H plus some degrees; S and V stay. */
    static void turn(float[] rgb, double degrees) {
        float value = Math.max(rgb[0], Math.max(rgb[1], rgb[2]));
        float chroma = value - Math.min(rgb[0], Math.min(rgb[1], rgb[2]));
        if (chroma == 0 || degrees == 0) {
            return;
        }
        double sector;
        if (value == rgb[0]) {
            sector = (rgb[1] - rgb[2]) / chroma;
        } else if (value == rgb[1]) {
            sector = 2 + (rgb[2] - rgb[0]) / chroma;
        } else {
            sector = 4 + (rgb[0] - rgb[1]) / chroma;
        }
        double hue = sector + degrees / 60;
        rgb[0] = channel(5, hue, value, chroma);
        rgb[1] = channel(3, hue, value, chroma);
        rgb[2] = channel(1, hue, value, chroma);
    }

    /** V − chroma·clamp(min(k, 4 − k), 0, 1) with k = (n + hue) mod 6, the usual closed form. */
    private static float channel(int n, double hue, float value, float chroma) {
        double k = (n + hue) % 6;
        k = k < 0 ? k + 6 : k;
        return clamped((float) (value - chroma * Math.clamp(Math.min(k, 4 - k), 0.0, 1.0)));
    }
}

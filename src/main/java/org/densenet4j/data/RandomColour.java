package org.densenet4j.data;

import java.awt.Color;
import java.util.SplittableRandom;

/** Colours of generated images. */
final class RandomColour {
    /** Least difference of luminance between ink and background, of 255. */
    private static final int LEAST_CONTRAST = 90;

    private RandomColour() {}

    static Color any(SplittableRandom random) {
        return new Color(random.nextInt(256), random.nextInt(256), random.nextInt(256));
    }

    /** One that is much lighter or darker. */
    static Color contrasting(Color back, SplittableRandom random) {
        Color ink = any(random);
        while (Math.abs(luminance(ink) - luminance(back)) < LEAST_CONTRAST) {
            ink = any(random);
        }
        return ink;
    }

    /** One whose values differ by {@code most} at most. */
    static Color near(Color c, int most, SplittableRandom random) {
        return new Color(
                near(c.getRed(), most, random),
                near(c.getGreen(), most, random),
                near(c.getBlue(), most, random));
    }

    private static double luminance(Color c) {
        return 0.299 * c.getRed() + 0.587 * c.getGreen() + 0.114 * c.getBlue();
    }

    private static int near(int value, int most, SplittableRandom random) {
        return Math.clamp(value + random.nextInt(-most, most + 1), 0, 255);
    }
}

package org.densenet4j.data;

/** How pixels are made of others where an image is resized: with antialiasing, as Pillow does. */
public enum Interpolation {
    /** A triangle: torchvision's and Pillow's {@code BILINEAR}. */
    BILINEAR(1) {
        @Override
        double weight(double distance) {
            return Math.max(0, 1 - Math.abs(distance));
        }
    },
    /** Keys's cubic with a = -1/2: torchvision's and Pillow's {@code BICUBIC}. */
    BICUBIC(2) {
        @Override
        double weight(double distance) {
            double a = -0.5;
            double x = Math.abs(distance);
            if (x < 1) {
                return ((a + 2) * x - (a + 3)) * x * x + 1;
            }
            return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
        }
    };

    /** Pixels to each side that have a weight, where the size stays. */
    final int support;

    Interpolation(int support) {
        this.support = support;
    }

    /** The weight of a pixel so many pixels away, before weights are made to sum to one. */
    abstract double weight(double distance);
}

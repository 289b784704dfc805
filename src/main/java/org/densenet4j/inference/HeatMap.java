package org.densenet4j.inference;

import java.util.Objects;

/**
 * A class activation map (Zhou et al. 2016, arXiv 1512.04150): how much each place of the final
 * feature map speaks for a class. The mean of the values plus the classifier's bias is the class's
 * logit.
 *
 * @param classIndex the class
 * @param height rows of the final feature map
 * @param width columns of the final feature map
 * @param values row by row
 */
public record HeatMap(int classIndex, int height, int width, float[] values) {
    /**
     * Checks that the values are those of such a map.
     *
     * @throws IllegalArgumentException when the class is negative, a size is not positive or there
     *     is not one value for each place
     */
    public HeatMap {
        Objects.requireNonNull(values, "values");
        if (classIndex < 0) {
            throw new IllegalArgumentException("class " + classIndex + ": use 0 or more");
        }
        if (height < 1 || width < 1 || values.length != (long) height * width) {
            throw new IllegalArgumentException(
                    "a map of "
                            + height
                            + "x"
                            + width
                            + " does not have "
                            + values.length
                            + " values");
        }
    }

    /**
     * Bilinear interpolation at a place given in 0..1 of height and width.
     *
     * @param y 0 is the upper edge, 1 the lower
     * @param x 0 is the left edge, 1 the right
     * @return the interpolated value
     */
    public double at(double y, double x) {
        double row = Math.clamp(y * height - 0.5, 0.0, height - 1.0);
        double column = Math.clamp(x * width - 0.5, 0.0, width - 1.0);
        int top = Math.min((int) row, Math.max(0, height - 2));
        int left = Math.min((int) column, Math.max(0, width - 2));
        int bottom = Math.min(top + 1, height - 1);
        int right = Math.min(left + 1, width - 1);
        double v = row - top;
        double u = column - left;
        return (1 - v) * ((1 - u) * value(top, left) + u * value(top, right))
                + v * ((1 - u) * value(bottom, left) + u * value(bottom, right));
    }

    private float value(int row, int column) {
        return values[row * width + column];
    }
}

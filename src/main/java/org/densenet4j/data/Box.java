package org.densenet4j.data;

import static java.util.Objects.requireNonNull;

/**
 * A rectangle with sides along the axes, x to the right and y downwards. Coordinates are
 * continuous: pixel (0, 0) is the square from 0 to 1. Whether the unit is a pixel or the image's
 * sides is said where boxes are used.
 *
 * @param left x of the left side
 * @param top y of the upper side
 * @param right x of the right side, not below {@code left}
 * @param bottom y of the lower side, not below {@code top}
 */
public record Box(double left, double top, double right, double bottom) {
    /** Refuses sides in the wrong order and what is not a number. */
    public Box {
        if (!(left <= right && top <= bottom)
                || Double.isInfinite(right - left)
                || Double.isInfinite(bottom - top)) {
            throw new IllegalArgumentException(
                    "a box from ("
                            + left
                            + ", "
                            + top
                            + ") to ("
                            + right
                            + ", "
                            + bottom
                            + "): use finite numbers, left and top first");
        }
    }

    /** {@return right minus left} */
    public double width() {
        return right - left;
    }

    /** {@return bottom minus top} */
    public double height() {
        return bottom - top;
    }

    /** {@return width times height} */
    public double area() {
        return width() * height();
    }

    /** {@return x of the middle} */
    public double centreX() {
        return (left + right) / 2;
    }

    /** {@return y of the middle} */
    public double centreY() {
        return (top + bottom) / 2;
    }

    /**
     * {@return the area that both boxes cover}
     *
     * @param other in the same unit
     */
    public double intersection(Box other) {
        requireNonNull(other, "other");
        double w = Math.min(right, other.right) - Math.max(left, other.left);
        double h = Math.min(bottom, other.bottom) - Math.max(top, other.top);
        return w > 0 && h > 0 ? w * h : 0;
    }

    /**
     * {@return intersection over union (the Jaccard index), 0 to 1; 0 for two boxes without area}
     *
     * @param other in the same unit
     */
    public double iou(Box other) {
        double both = intersection(other);
        return both == 0 ? 0 : both / (area() + other.area() - both);
    }

    /**
     * {@return this box in another unit}
     *
     * @param x factor of horizontal coordinates, above 0
     * @param y factor of vertical coordinates, above 0
     */
    public Box scaled(double x, double y) {
        return new Box(left * x, top * y, right * x, bottom * y);
    }

    /**
     * {@return this box elsewhere}
     *
     * @param x added to horizontal coordinates
     * @param y added to vertical coordinates
     */
    public Box moved(double x, double y) {
        return new Box(left + x, top + y, right + x, bottom + y);
    }

    /**
     * {@return what lies within an image; a box without area on its border where nothing does}
     *
     * @param width of the image
     * @param height of the image
     */
    public Box clipped(double width, double height) {
        return new Box(
                Math.clamp(left, 0, width),
                Math.clamp(top, 0, height),
                Math.clamp(right, 0, width),
                Math.clamp(bottom, 0, height));
    }

    /**
     * {@return this box in the image's mirror image, left and right exchanged}
     *
     * @param width of the image
     */
    public Box mirrored(double width) {
        return new Box(width - right, top, width - left, bottom);
    }
}

package org.densenet4j.data;

import org.jspecify.annotations.Nullable;

import java.util.Locale;

/** Boxes as a file of annotations says them: within the image, or refused. */
final class BoxFile {
    /** Pixels that sides may lie outside, which rounding makes. */
    private static final double TOLERANCE = 1;

    private BoxFile() {}

    /**
     * A box within an image; null where it has no area.
     *
     * @param what names the file, and the object where there are several
     */
    static @Nullable Box within(
            String what,
            double left,
            double top,
            double right,
            double bottom,
            int width,
            int height)
            throws DataException {
        boolean outside =
                !(left >= -TOLERANCE
                        && top >= -TOLERANCE
                        && right <= width + TOLERANCE
                        && bottom <= height + TOLERANCE);
        if (outside || !(left <= right && top <= bottom)) {
            throw new DataException(
                    String.format(
                            Locale.ROOT,
                            "%s: a box from (%s, %s) to (%s, %s) does not fit an image of %dx%d"
                                    + " pixels",
                            what,
                            text(left),
                            text(top),
                            text(right),
                            text(bottom),
                            width,
                            height));
        }
        Box box = new Box(left, top, right, bottom).clipped(width, height);
        return box.area() > 0 ? box : null;
    }

    private static String text(double value) {
        return value == Math.rint(value) ? Long.toString((long) value) : Double.toString(value);
    }

    /** Refuses an image of another size than the one that boxes were drawn on. */
    static void checkSize(String image, Image decoded, String annotations, int width, int height)
            throws DataException {
        if (decoded.width() != width || decoded.height() != height) {
            throw new DataException(
                    image
                            + " is "
                            + decoded.width()
                            + "x"
                            + decoded.height()
                            + " pixels, "
                            + annotations
                            + " says "
                            + width
                            + "x"
                            + height
                            + ": its boxes are of another image, or of this one before it was"
                            + " resized or turned");
        }
    }
}

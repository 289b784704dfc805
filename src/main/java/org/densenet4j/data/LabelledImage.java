package org.densenet4j.data;

import java.util.Objects;

/**
 * An image with a label for every pixel. The arrays are not copied.
 *
 * @param image of any size
 * @param labels H·W class indices as unsigned bytes, row by row; {@link #VOID} where a pixel
 *     belongs to no class
 */
public record LabelledImage(Image image, byte[] labels) {
    /** The label of pixels that belong to no class, as an unsigned byte. */
    public static final int VOID = 255;

    /** Checks that the labels are as many as the pixels. */
    public LabelledImage {
        Objects.requireNonNull(image, "image");
        Objects.requireNonNull(labels, "labels");
        if (labels.length != image.height() * image.width()) {
            throw new IllegalArgumentException(
                    "an image of "
                            + image.height()
                            + "x"
                            + image.width()
                            + " pixels does not have "
                            + labels.length
                            + " labels");
        }
    }
}

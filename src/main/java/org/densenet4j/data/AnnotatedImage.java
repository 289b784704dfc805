package org.densenet4j.data;

import java.util.List;
import java.util.Objects;

/**
 * An image with boxes around the objects in it.
 *
 * @param image of any size; its array is not copied
 * @param objects boxes in pixels, within the image
 */
public record AnnotatedImage(Image image, List<LabelledBox> objects) {
    /** Keeps a copy of the list, and refuses boxes that reach out of the image. */
    public AnnotatedImage {
        Objects.requireNonNull(image, "image");
        objects = WithoutNull.copy(Objects.requireNonNull(objects, "objects"), "objects");
        for (LabelledBox object : objects) {
            Box box = object.box();
            if (!box.clipped(image.width(), image.height()).equals(box)) {
                throw new IllegalArgumentException(
                        box
                                + " reaches out of an image of "
                                + image.width()
                                + "x"
                                + image.height()
                                + " pixels");
            }
        }
    }
}

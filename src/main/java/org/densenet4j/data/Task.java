package org.densenet4j.data;

import java.util.Locale;

/** What a network says of images, and so what they are labelled with. */
public enum Task {
    /** One class of each image. */
    CLASSIFY,
    /** Which of several labels each image has: any number of them, or none. */
    MULTILABEL,
    /** Numbers for each image. */
    REGRESS,
    /** One class of each pixel. */
    SEGMENT,
    /** Boxes around the objects in an image, with one class each. */
    DETECT;

    /** {@return whether images are labelled with vectors, and not with classes} */
    public boolean isOfVectors() {
        return this == MULTILABEL || this == REGRESS;
    }

    /** {@return its name as options and files spell it} */
    public String text() {
        return name().toLowerCase(Locale.ROOT);
    }
}

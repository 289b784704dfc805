package org.densenet4j.data;

import static java.util.Objects.requireNonNull;

/**
 * An object in an image: its class and the box around it.
 *
 * @param box around it
 * @param label its class, from 0; the background is no class
 * @param difficult whether PASCAL VOC's scores leave it out: neither finding nor missing it counts
 * @param crowd whether it is a group of objects as COCO marks them ({@code iscrowd}): what is found
 *     in it does not count
 * @param area of the object itself in pixels, by which COCO tells small from large; that of the box
 *     where it is not known
 */
public record LabelledBox(Box box, int label, boolean difficult, boolean crowd, double area) {
    /** Checks the label. */
    public LabelledBox {
        requireNonNull(box, "box");
        if (label < 0) {
            throw new IllegalArgumentException("label = " + label + ": use 0 or more");
        }
        if (!(area >= 0)) {
            throw new IllegalArgumentException("area = " + area + ": use 0 or more");
        }
    }

    /**
     * An object that counts.
     *
     * @param box around it
     * @param label its class, from 0
     */
    public LabelledBox(Box box, int label) {
        this(requireNonNull(box, "box"), label, false, false, box.area());
    }

    /**
     * {@return the same object with another box}
     *
     * @param value in any unit; the area changes as the box's does
     */
    public LabelledBox withBox(Box value) {
        requireNonNull(value, "value");
        double old = box.area();
        double share = old == 0 ? 1 : value.area() / old;
        return new LabelledBox(value, label, difficult, crowd, area * share);
    }
}

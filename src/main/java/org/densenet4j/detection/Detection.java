package org.densenet4j.detection;

import static java.util.Objects.requireNonNull;

import org.densenet4j.data.Box;

/**
 * Something that was found in an image.
 *
 * @param box around it
 * @param label its class, from 0; the background is no class
 * @param score its probability, or whatever else orders what was found
 */
public record Detection(Box box, int label, double score) {
    /** Refuses what has no order. */
    public Detection {
        requireNonNull(box, "box");
        if (label < 0) {
            throw new IllegalArgumentException("label = " + label + ": use 0 or more");
        }
        if (Double.isNaN(score)) {
            throw new IllegalArgumentException("score is not a number");
        }
    }

    /**
     * {@return the same with another box}
     *
     * @param value in any unit
     */
    public Detection withBox(Box value) {
        requireNonNull(value, "value");
        return new Detection(value, label, score);
    }
}

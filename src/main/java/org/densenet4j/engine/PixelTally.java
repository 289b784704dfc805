package org.densenet4j.engine;

import java.util.Arrays;

/**
 * Counts of pixels by class, of those that have a label: what accuracy and intersection over union
 * are made of. Arrays are copies.
 *
 * @param intersection pixels of each class that were predicted so
 * @param labelled pixels of each class
 * @param predicted pixels predicted to be of each class
 */
public record PixelTally(long[] intersection, long[] labelled, long[] predicted) {
    /** Of a network that classifies whole images. */
    public static final PixelTally NONE = new PixelTally(new long[0], new long[0], new long[0]);

    /** Copies. */
    public PixelTally {
        intersection = intersection.clone();
        labelled = labelled.clone();
        predicted = predicted.clone();
    }

    @Override
    public long[] intersection() {
        return intersection.clone();
    }

    @Override
    public long[] labelled() {
        return labelled.clone();
    }

    @Override
    public long[] predicted() {
        return predicted.clone();
    }

    /** Pixels with a label. */
    public long pixels() {
        return Arrays.stream(labelled).sum();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof PixelTally t
                && Arrays.equals(intersection, t.intersection)
                && Arrays.equals(labelled, t.labelled)
                && Arrays.equals(predicted, t.predicted);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * Arrays.hashCode(intersection) + Arrays.hashCode(labelled))
                + Arrays.hashCode(predicted);
    }

    @Override
    public String toString() {
        return "PixelTally[" + pixels() + " pixels of " + labelled.length + " classes]";
    }
}

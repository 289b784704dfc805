package org.densenet4j.engine;

import java.util.Arrays;
import java.util.Objects;

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

    /** {@return a copy: by class, pixels of the class that were predicted as it} */
    @Override
    public long[] intersection() {
        return intersection.clone();
    }

    /** {@return a copy: by class, pixels that have its label} */
    @Override
    public long[] labelled() {
        return labelled.clone();
    }

    /** {@return a copy: by class, pixels with a label that were predicted as it} */
    @Override
    public long[] predicted() {
        return predicted.clone();
    }

    /**
     * {@return both counts added}
     *
     * @param other of as many classes
     * @throws IllegalArgumentException when they are of different classes
     */
    public PixelTally plus(PixelTally other) {
        Objects.requireNonNull(other, "other");
        if (labelled.length == 0) {
            return other;
        }
        return new PixelTally(
                sum(intersection, other.intersection),
                sum(labelled, other.labelled),
                sum(predicted, other.predicted));
    }

    private static long[] sum(long[] a, long[] b) {
        if (a.length != b.length) {
            throw new IllegalArgumentException(
                    "counts of " + a.length + " and of " + b.length + " classes");
        }
        long[] sum = a.clone();
        for (int c = 0; c < sum.length; c++) {
            sum[c] += b[c];
        }
        return sum;
    }

    /** {@return pixels with a label} */
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

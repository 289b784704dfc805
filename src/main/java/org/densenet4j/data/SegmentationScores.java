package org.densenet4j.data;

import java.util.Arrays;
import java.util.Objects;

/**
 * Scores of a segmentation, summed over a set. For each class, of the pixels that are not void:
 *
 * <pre>
 * I = pixels of the class that were predicted so
 * L = pixels of the class
 * P = pixels predicted so
 *
 * IoU      = I / (L + P − I)
 * mean IoU = mean of the IoU of the classes that occur
 * accuracy = Σ I / Σ L
 * </pre>
 *
 * These are the definitions of the authors of FC-DenseNet (Jégou et al. 2017, section 4, and their
 * code): void pixels are left out of labels <em>and</em> predictions, and sums are taken over the
 * whole set, not over each image. IoU is that of PASCAL VOC (Everingham et al. 2010, section
 * 4.1.4). A class that neither is nor is predicted anywhere (L + P = 0) has no IoU: it is NaN and
 * is left out of the mean. Not thread-safe: take one for each thread and {@link #add} them.
 */
public final class SegmentationScores {
    /** As many as a network can have. */
    private static final int MOST_CLASSES = 1 << 20;

    private final long[] intersection;
    private final long[] labelled;
    private final long[] predicted;

    /**
     * Nothing counted yet.
     *
     * @param classes 1 or more
     */
    public SegmentationScores(int classes) {
        if (classes < 1 || classes > MOST_CLASSES) {
            throw new IllegalArgumentException(
                    "classes = " + classes + ": use 1 to " + MOST_CLASSES);
        }
        intersection = new long[classes];
        labelled = new long[classes];
        predicted = new long[classes];
    }

    /**
     * Counts pixels.
     *
     * @param labels class of each pixel, or {@link SegmentationBatch#VOID}
     * @param predictions class of each pixel; those of void pixels do not count and may be anything
     * @throws IllegalArgumentException when the arrays differ in length, or a class is none
     */
    public void add(int[] labels, int[] predictions) {
        Objects.requireNonNull(labels, "labels");
        Objects.requireNonNull(predictions, "predictions");
        if (labels.length != predictions.length) {
            throw new IllegalArgumentException(
                    labels.length + " labels for " + predictions.length + " predictions");
        }
        for (int p = 0; p < labels.length; p++) {
            if (labels[p] != SegmentationBatch.VOID) {
                check("label", labels[p], p);
                check("prediction", predictions[p], p);
            }
        }
        for (int p = 0; p < labels.length; p++) {
            if (labels[p] != SegmentationBatch.VOID) {
                labelled[labels[p]]++;
                predicted[predictions[p]]++;
                if (labels[p] == predictions[p]) {
                    intersection[labels[p]]++;
                }
            }
        }
    }

    private void check(String what, int classIndex, int pixel) {
        if (classIndex < 0 || classIndex >= classes()) {
            throw new IllegalArgumentException(
                    what
                            + " "
                            + classIndex
                            + " of pixel "
                            + pixel
                            + ": there are "
                            + classes()
                            + " classes");
        }
    }

    /**
     * Counts what a device has counted: {@code [Σ loss, I of each class, L of each class, P of each
     * class]}.
     *
     * @param tally whole numbers behind the first, which is not looked at
     * @throws IllegalArgumentException when it is not of so many classes, or what it counts cannot
     *     be
     */
    public void addTally(float[] tally) {
        Objects.requireNonNull(tally, "tally");
        int classes = classes();
        if (tally.length != 1 + 3 * classes) {
            throw new IllegalArgumentException(
                    "a tally of " + tally.length + " numbers for " + classes + " classes");
        }
        add(counts(tally, 1), counts(tally, 1 + classes), counts(tally, 1 + 2 * classes));
    }

    private long[] counts(float[] tally, int from) {
        long[] counts = new long[classes()];
        for (int c = 0; c < counts.length; c++) {
            counts[c] = (long) tally[from + c];
            if (counts[c] != tally[from + c]) {
                throw new IllegalArgumentException(
                        "a tally counts " + tally[from + c] + " pixels: use whole numbers");
            }
        }
        return counts;
    }

    /**
     * Counts what was counted elsewhere, for each class.
     *
     * @param moreIntersection pixels of each class that were predicted as it
     * @param moreLabelled pixels of each class
     * @param morePredicted pixels that were predicted as each class
     * @throws IllegalArgumentException when the arrays are not of so many classes, or what they
     *     count cannot be
     */
    public void add(long[] moreIntersection, long[] moreLabelled, long[] morePredicted) {
        Objects.requireNonNull(moreIntersection, "moreIntersection");
        Objects.requireNonNull(moreLabelled, "moreLabelled");
        Objects.requireNonNull(morePredicted, "morePredicted");
        int classes = classes();
        if (moreIntersection.length != classes
                || moreLabelled.length != classes
                || morePredicted.length != classes) {
            throw new IllegalArgumentException("counts are not of " + classes + " classes");
        }
        for (int c = 0; c < classes; c++) {
            if (moreIntersection[c] < 0
                    || moreIntersection[c] > Math.min(moreLabelled[c], morePredicted[c])) {
                throw new IllegalArgumentException(
                        "class "
                                + c
                                + " cannot have "
                                + moreIntersection[c]
                                + " pixels right of "
                                + moreLabelled[c]
                                + " labelled and "
                                + morePredicted[c]
                                + " predicted so");
            }
        }
        if (Arrays.stream(moreLabelled).sum() != Arrays.stream(morePredicted).sum()) {
            throw new IllegalArgumentException(
                    "every pixel with a label has a prediction: "
                            + Arrays.stream(moreLabelled).sum()
                            + " and "
                            + Arrays.stream(morePredicted).sum());
        }
        for (int c = 0; c < classes; c++) {
            intersection[c] += moreIntersection[c];
            labelled[c] += moreLabelled[c];
            predicted[c] += morePredicted[c];
        }
    }

    /**
     * Counts what other scores have counted.
     *
     * @param other of as many classes
     */
    public void add(SegmentationScores other) {
        Objects.requireNonNull(other, "other");
        add(other.intersection, other.labelled, other.predicted);
    }

    /** {@return how many classes there are} */
    public int classes() {
        return labelled.length;
    }

    /** {@return pixels that were counted: those with a label} */
    public long pixels() {
        return Arrays.stream(labelled).sum();
    }

    /**
     * {@return pixels of a class}
     *
     * @param classIndex from 0 to below {@link #classes}
     */
    public long labelled(int classIndex) {
        return labelled[checked(classIndex)];
    }

    /**
     * {@return pixels predicted to be of a class}
     *
     * @param classIndex from 0 to below {@link #classes}
     */
    public long predicted(int classIndex) {
        return predicted[checked(classIndex)];
    }

    /**
     * {@return pixels of a class that were predicted so}
     *
     * @param classIndex from 0 to below {@link #classes}
     */
    public long intersection(int classIndex) {
        return intersection[checked(classIndex)];
    }

    /**
     * {@return intersection over union of a class; NaN where it is nowhere}
     *
     * @param classIndex from 0 to below {@link #classes}
     */
    public double iou(int classIndex) {
        checked(classIndex);
        long union = labelled[classIndex] + predicted[classIndex] - intersection[classIndex];
        return union == 0 ? Double.NaN : (double) intersection[classIndex] / union;
    }

    private int checked(int classIndex) {
        return Index.checked("classIndex", classIndex, labelled.length);
    }

    /** {@return mean intersection over union of the classes that have one; NaN where none has} */
    public double meanIou() {
        double sum = 0;
        int count = 0;
        for (int c = 0; c < classes(); c++) {
            double iou = iou(c);
            if (!Double.isNaN(iou)) {
                sum += iou;
                count++;
            }
        }
        return count == 0 ? Double.NaN : sum / count;
    }

    /**
     * {@return share of the pixels that were predicted right, "global accuracy"; NaN where there
     * are none}
     */
    public double accuracy() {
        long pixels = pixels();
        return pixels == 0 ? Double.NaN : (double) Arrays.stream(intersection).sum() / pixels;
    }
}

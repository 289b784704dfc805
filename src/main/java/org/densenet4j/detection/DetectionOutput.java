package org.densenet4j.detection;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * What a network's logits and offsets say is in an image: for each class the priors whose softmax
 * is above a threshold, the best of them, without those that overlap a better one; then the best of
 * all classes.
 *
 * @param leastScore softmax that a box has to be above
 * @param candidates boxes of a class that are compared with each other at most, the best
 * @param overlap most intersection over union of two boxes of a class
 * @param most boxes of an image
 */
public record DetectionOutput(double leastScore, int candidates, double overlap, int most) {
    /** As SSD and DSOD are tested: 0.01, 400, 0.45 and 200. */
    public static final DetectionOutput PUBLISHED = new DetectionOutput(0.01, 400, 0.45, 200);

    /** Checks the ranges. */
    public DetectionOutput {
        if (!(leastScore >= 0 && leastScore < 1)) {
            throw new IllegalArgumentException(
                    "least score = " + leastScore + ": use a number from 0 to below 1");
        }
        if (candidates < 1 || most < 1) {
            throw new IllegalArgumentException(
                    candidates + " candidates, " + most + " boxes: use 1 or more of each");
        }
        if (!(overlap >= 0 && overlap <= 1)) {
            throw new IllegalArgumentException(
                    "overlap = " + overlap + ": use a number from 0 to 1");
        }
    }

    /**
     * {@return the same with another threshold}
     *
     * @param value softmax that a box has to be above
     */
    public DetectionOutput withLeastScore(double value) {
        return new DetectionOutput(value, candidates, overlap, most);
    }

    /**
     * {@return the same with another overlap}
     *
     * @param value most intersection over union of two boxes of a class
     */
    public DetectionOutput withOverlap(double value) {
        return new DetectionOutput(leastScore, candidates, value, most);
    }

    /**
     * {@return what was found, in pixels of an image and cut at its border; boxes of which nothing
     * is left are left out}
     *
     * @param found in shares of the image's sides
     * @param height rows of the image
     * @param width columns of the image
     */
    public static List<Detection> inPixels(List<Detection> found, int height, int width) {
        requireNonNull(found, "found");
        return found.stream()
                .map(one -> one.withBox(one.box().scaled(width, height).clipped(width, height)))
                .filter(one -> one.box().area() > 0)
                .toList();
    }

    /**
     * Finds what is in the images of a batch.
     *
     * @param priors that logits and offsets are of
     * @param classes without the background
     * @param logits [N, priors, 1 + classes], the background first
     * @param offsets [N, priors, 4]
     * @return of each image what was found, highest score first, in shares of the image's sides;
     *     boxes reach over the border where the network says so
     */
    public List<List<Detection>> of(Priors priors, int classes, float[] logits, float[] offsets) {
        requireNonNull(priors, "priors");
        requireNonNull(logits, "logits");
        requireNonNull(offsets, "offsets");
        if (classes < 1) {
            throw new IllegalArgumentException(
                    "classes = " + classes + ": use 1 or more, without the background");
        }
        int images = offsets.length / (priors.size() * Priors.OFFSETS);
        if (offsets.length != (double) images * priors.size() * Priors.OFFSETS
                || logits.length != (double) images * priors.size() * (1 + classes)) {
            throw new IllegalArgumentException(
                    logits.length
                            + " logits and "
                            + offsets.length
                            + " offsets are not of "
                            + priors.size()
                            + " priors with "
                            + (1 + classes)
                            + " and "
                            + Priors.OFFSETS
                            + " numbers");
        }
        return IntStream.range(0, images)
                .parallel()
                .mapToObj(i -> image(priors, classes, logits, offsets, i))
                .toList();
    }

    private List<Detection> image(
            Priors priors, int classes, float[] logits, float[] offsets, int image) {
        List<List<Detection>> byClass = new ArrayList<>();
        for (int c = 0; c < classes; c++) {
            byClass.add(new ArrayList<>());
        }
        double[] share = new double[1 + classes];
        for (int p = 0; p < priors.size(); p++) {
            int place = image * priors.size() + p;
            softmax(logits, place * (1 + classes), share);
            for (int c = 0; c < classes; c++) {
                if (share[1 + c] > leastScore) {
                    byClass.get(c)
                            .add(
                                    new Detection(
                                            priors.decode(p, offsets, place * Priors.OFFSETS),
                                            c,
                                            share[1 + c]));
                }
            }
        }
        List<Detection> all = new ArrayList<>();
        for (List<Detection> found : byClass) {
            List<Detection> best = NonMaximumSuppression.highestFirst(found);
            all.addAll(
                    NonMaximumSuppression.of(
                            best.subList(0, Math.min(candidates, best.size())), overlap));
        }
        List<Detection> best = NonMaximumSuppression.highestFirst(all);
        return best.subList(0, Math.min(most, best.size()));
    }

    private static void softmax(float[] logits, int at, double[] share) {
        double most = Double.NEGATIVE_INFINITY;
        for (int c = 0; c < share.length; c++) {
            most = Math.max(most, logits[at + c]);
        }
        double sum = 0;
        for (int c = 0; c < share.length; c++) {
            share[c] = Math.exp(logits[at + c] - most);
            sum += share[c];
        }
        for (int c = 0; c < share.length; c++) {
            share[c] /= sum;
        }
    }
}

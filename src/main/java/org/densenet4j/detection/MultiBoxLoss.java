package org.densenet4j.detection;

import static java.util.Objects.requireNonNull;

import org.densenet4j.data.Box;
import org.densenet4j.data.LabelledBox;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The loss of SSD and DSOD (Liu et al. 2016, arXiv 1512.02325, section 2.2) and its gradient:
 *
 * <pre>
 * (Σ cross-entropy of matched priors and hard negatives + weight·Σ smooth L1 of matched offsets) / matched
 * </pre>
 *
 * over the priors of a batch. Each object is matched with the prior that overlaps it most, and with
 * every prior whose intersection over union is above 0.5. Priors without a match whose overlap with
 * every object is below 0.5 are negatives; an image's hardest ones count, those with the largest
 * cross-entropy, at most 3 for each of its matches. An image without objects adds nothing. Smooth
 * L1 is d²/2 where |d| is below 1 and |d| − ½ elsewhere, of each of the four numbers.
 *
 * <p>Logit 0 is the background, logit 1 + c class c.
 */
public final class MultiBoxLoss {
    private final Priors priors;
    private final int classes;
    private final double overlap;
    private final double negatives;
    private final double offsetWeight;

    private MultiBoxLoss(
            Priors priors, int classes, double overlap, double negatives, double offsetWeight) {
        this.priors = priors;
        this.classes = classes;
        this.overlap = overlap;
        this.negatives = negatives;
        this.offsetWeight = offsetWeight;
    }

    /**
     * {@return the loss with the paper's numbers}
     *
     * @param priors that logits and offsets are of
     * @param classes without the background, 1 or more
     */
    public static MultiBoxLoss of(Priors priors, int classes) {
        requireNonNull(priors, "priors");
        if (classes < 1 || classes == Integer.MAX_VALUE) {
            throw new IllegalArgumentException(
                    "classes = " + classes + ": use 1 or more, without the background");
        }
        return new MultiBoxLoss(priors, classes, 0.5, 3, 1);
    }

    /**
     * {@return the same loss with another threshold}
     *
     * @param value intersection over union above which priors are matched, and below which they may
     *     be negatives; 0.5 unless told
     */
    public MultiBoxLoss withOverlap(double value) {
        if (!(value > 0 && value < 1)) {
            throw new IllegalArgumentException(
                    "overlap = " + value + ": use a number between 0 and 1");
        }
        return new MultiBoxLoss(priors, classes, value, negatives, offsetWeight);
    }

    /**
     * {@return the same loss with more or fewer negatives}
     *
     * @param value most negatives for each match; 3 unless told
     */
    public MultiBoxLoss withNegatives(double value) {
        if (!(value >= 0)) {
            throw new IllegalArgumentException("negatives = " + value + ": use 0 or more");
        }
        return new MultiBoxLoss(priors, classes, overlap, value, offsetWeight);
    }

    /**
     * {@return the same loss with another weight of the offsets}
     *
     * @param value 1 unless told
     */
    public MultiBoxLoss withOffsetWeight(double value) {
        if (!(value >= 0) || Double.isInfinite(value)) {
            throw new IllegalArgumentException("offset weight = " + value + ": use 0 or more");
        }
        return new MultiBoxLoss(priors, classes, overlap, negatives, value);
    }

    /**
     * The loss of a batch.
     *
     * @param loss of classes and offsets together
     * @param classLoss the cross-entropy's part
     * @param offsetLoss the offsets' part, with its weight
     * @param matches priors that were matched with an object, which sums are divided by; 0 where no
     *     image has one, which is a loss of 0 without a gradient
     * @param logitsGradient dLoss/dLogits [N, priors, 1 + classes]
     * @param offsetsGradient dLoss/dOffsets [N, priors, 4]
     */
    public record Outcome(
            double loss,
            double classLoss,
            double offsetLoss,
            int matches,
            float[] logitsGradient,
            float[] offsetsGradient) {}

    /**
     * Takes the loss of a batch. Images are worked on in parallel, and their sums added in order.
     *
     * @param logits [N, priors, 1 + classes], the background first
     * @param offsets [N, priors, 4] in the code of {@link Priors}
     * @param truth the objects of each image, in shares of its sides; those without area have no
     *     offset and are left out, as are crowds. Difficult ones are trained on
     * @return the loss and its gradients
     */
    public Outcome of(float[] logits, float[] offsets, List<List<LabelledBox>> truth) {
        requireNonNull(logits, "logits");
        requireNonNull(offsets, "offsets");
        requireNonNull(truth, "truth");
        check("logits", logits.length, truth.size(), 1 + classes);
        check("offsets", offsets.length, truth.size(), Priors.OFFSETS);
        checkLabels(truth);
        float[] logitsGradient = new float[logits.length];
        float[] offsetsGradient = new float[offsets.length];
        List<ImageTargets> targets =
                IntStream.range(0, truth.size())
                        .parallel()
                        .mapToObj(i -> targets(logits, i, truth.get(i)))
                        .toList();
        int matches = targets.stream().mapToInt(ImageTargets::matches).sum();
        double[] classLoss = new double[truth.size()];
        double[] offsetLoss = new double[truth.size()];
        IntStream.range(0, matches == 0 ? 0 : truth.size())
                .parallel()
                .forEach(
                        i -> {
                            ImageTargets image = targets.get(i);
                            classLoss[i] = classLoss(image, i, logits, logitsGradient, matches);
                            offsetLoss[i] = offsetLoss(image, i, offsets, offsetsGradient, matches);
                        });
        double ofClasses = sum(classLoss);
        double ofOffsets = sum(offsetLoss);
        return new Outcome(
                ofClasses + ofOffsets,
                ofClasses,
                ofOffsets,
                matches,
                logitsGradient,
                offsetsGradient);
    }

    /**
     * {@return priors that are matched with objects, which {@link #of} divides by}
     *
     * @param truth the objects of each image, in shares of its sides
     */
    public long matches(List<List<LabelledBox>> truth) {
        requireNonNull(truth, "truth");
        return truth.stream().parallel().mapToLong(this::matchesOf).sum();
    }

    private long matchesOf(List<LabelledBox> all) {
        PriorMatch match = PriorMatch.of(priors, boxes(trained(all)), overlap);
        return IntStream.range(0, priors.size())
                .filter(p -> match.object(p) != PriorMatch.NONE)
                .count();
    }

    /** Objects that priors can be matched with. */
    private static List<LabelledBox> trained(List<LabelledBox> all) {
        return all.stream().filter(object -> object.box().area() > 0 && !object.crowd()).toList();
    }

    private static List<Box> boxes(List<LabelledBox> objects) {
        return objects.stream().map(LabelledBox::box).toList();
    }

    private static double sum(double[] values) {
        double sum = 0;
        for (double value : values) {
            sum += value;
        }
        return sum;
    }

    private void check(String what, int length, int images, int columns) {
        if (images == 0 || length != (double) images * priors.size() * columns) {
            throw new IllegalArgumentException(
                    what
                            + ": "
                            + images
                            + " images with "
                            + priors.size()
                            + " priors of "
                            + columns
                            + " numbers are not "
                            + length
                            + " floats");
        }
    }

    private void checkLabels(List<List<LabelledBox>> truth) {
        for (int i = 0; i < truth.size(); i++) {
            for (LabelledBox object : truth.get(i)) {
                if (object.label() >= classes) {
                    throw new IllegalArgumentException(
                            "image "
                                    + i
                                    + " has an object of class "
                                    + object.label()
                                    + ": the loss has "
                                    + classes
                                    + " classes, from 0");
                }
            }
        }
    }

    /** What priors of an image have to say: -1 nothing, 0 background, 1 + c class c. */
    private record ImageTargets(
            int matches, int[] classes, List<LabelledBox> truth, PriorMatch match) {}

    private ImageTargets targets(float[] logits, int image, List<LabelledBox> all) {
        List<LabelledBox> truth = trained(all);
        PriorMatch match = PriorMatch.of(priors, boxes(truth), overlap);
        int[] wanted = new int[priors.size()];
        int matches = 0;
        List<Hardness> candidates = new ArrayList<>();
        for (int p = 0; p < wanted.length; p++) {
            int object = match.object(p);
            wanted[p] = object == PriorMatch.NONE ? -1 : 1 + truth.get(object).label();
            if (object != PriorMatch.NONE) {
                matches++;
            } else if (match.overlap(p) < overlap) {
                int at = (image * priors.size() + p) * (1 + classes);
                candidates.add(new Hardness(p, logSum(logits, at) - logits[at]));
            }
        }
        candidates.sort(Comparator.comparingDouble(Hardness::loss).reversed());
        int most = (int) Math.min(candidates.size(), matches * negatives);
        for (Hardness negative : candidates.subList(0, most)) {
            wanted[negative.prior()] = 0;
        }
        return new ImageTargets(matches, wanted, truth, match);
    }

    /** A negative and its cross-entropy. */
    private record Hardness(int prior, double loss) {}

    private double classLoss(
            ImageTargets image, int index, float[] logits, float[] gradient, int matches) {
        double loss = 0;
        for (int p = 0; p < priors.size(); p++) {
            int wanted = image.classes[p];
            if (wanted < 0) {
                continue;
            }
            int at = (index * priors.size() + p) * (1 + classes);
            double logSum = logSum(logits, at);
            loss += logSum - logits[at + wanted];
            for (int c = 0; c <= classes; c++) {
                double share = Math.exp(logits[at + c] - logSum);
                gradient[at + c] = (float) ((share - (c == wanted ? 1 : 0)) / matches);
            }
        }
        return loss / matches;
    }

    private double offsetLoss(
            ImageTargets image, int index, float[] offsets, float[] gradient, int matches) {
        double loss = 0;
        for (int p = 0; p < priors.size(); p++) {
            int object = image.match.object(p);
            if (object == PriorMatch.NONE) {
                continue;
            }
            double[] wanted = priors.encode(p, image.truth.get(object).box());
            int at = (index * priors.size() + p) * Priors.OFFSETS;
            for (int i = 0; i < Priors.OFFSETS; i++) {
                double d = offsets[at + i] - wanted[i];
                loss += Math.abs(d) < 1 ? d * d / 2 : Math.abs(d) - 0.5;
                gradient[at + i] = (float) (offsetWeight * Math.clamp(d, -1.0, 1.0) / matches);
            }
        }
        return offsetWeight * loss / matches;
    }

    /** ln Σ exp of a prior's logits. */
    private double logSum(float[] logits, int at) {
        double most = logits[at];
        for (int c = 1; c <= classes; c++) {
            most = Math.max(most, logits[at + c]);
        }
        double sum = 0;
        for (int c = 0; c <= classes; c++) {
            sum += Math.exp(logits[at + c] - most);
        }
        return most + Math.log(sum);
    }
}

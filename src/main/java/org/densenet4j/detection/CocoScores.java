package org.densenet4j.detection;

import static java.util.Objects.requireNonNull;

import org.densenet4j.data.LabelledBox;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Average precision as COCO defines it (Lin et al. 2014, arXiv 1405.0312, and its evaluation code):
 * the mean over overlaps 0.50, 0.55, ... , 0.95, of the mean of the best precision at 101 recalls
 * or above. In each image the best 100 of a class take objects in turn, each the one that it
 * overlaps most among those still free. What overlaps a crowd, by share of its own area, does not
 * count.
 */
public final class CocoScores {
    private static final int MOST_OF_AN_IMAGE = 100;
    private static final double SMALL = 32 * 32;
    private static final double MEDIUM = 96 * 96;
    private static final double[] OVERLAPS = steps(0.5, 0.95, 10);
    private static final double[] RECALLS = steps(0, 1, 101);

    /** Objects of which sizes count, by their area in pixels. */
    public enum Size {
        /** Every one. */
        ALL(0, 1e10),
        /** Up to 32². */
        SMALL(0, CocoScores.SMALL),
        /** From 32² to 96². */
        MEDIUM(CocoScores.SMALL, CocoScores.MEDIUM),
        /** From 96² on. */
        LARGE(CocoScores.MEDIUM, 1e10);

        private final double least;
        private final double most;

        Size(double least, double most) {
            this.least = least;
            this.most = most;
        }

        private boolean holds(double area) {
            return area >= least && area <= most;
        }
    }

    private final int classes;
    private final List<List<LabelledBox>> truth = new ArrayList<>();
    private final List<List<Detection>> found = new ArrayList<>();

    /**
     * Of no images.
     *
     * @param classes without the background, 1 or more
     */
    public CocoScores(int classes) {
        if (classes < 1) {
            throw new IllegalArgumentException("classes = " + classes + ": use 1 or more");
        }
        this.classes = classes;
    }

    /**
     * The same numbers as numpy's linspace, to the bit: whether a recall of 57/100 reaches 0.57
     * depends on it.
     */
    private static double[] steps(double from, double to, int count) {
        double[] values = new double[count];
        double step = (to - from) / (count - 1);
        for (int i = 0; i < count; i++) {
            values[i] = i * step + from;
        }
        values[count - 1] = to;
        return values;
    }

    /**
     * Adds an image.
     *
     * @param objects that are in it, in pixels
     * @param detections that were found in it, in pixels
     */
    public void add(List<LabelledBox> objects, List<Detection> detections) {
        requireNonNull(objects, "objects");
        requireNonNull(detections, "detections");
        LabelRange.check(objects, detections, classes);
        truth.add(List.copyOf(objects));
        found.add(NonMaximumSuppression.highestFirst(detections));
    }

    /** {@return the mean over classes and overlaps: COCO's AP} */
    public double averagePrecision() {
        return averagePrecision(Size.ALL);
    }

    /**
     * {@return the mean over classes and overlaps of objects of one size; NaN where no class has
     * any}
     *
     * @param size of the objects
     */
    public double averagePrecision(Size size) {
        requireNonNull(size, "size");
        return LabelRange.mean(classes, label -> averagePrecision(label, size));
    }

    /**
     * {@return the mean over overlaps of a class; NaN where it has no object of this size}
     *
     * @param label of the class, from 0
     * @param size of the objects
     */
    public double averagePrecision(int label, Size size) {
        requireNonNull(size, "size");
        double sum = 0;
        for (double overlap : OVERLAPS) {
            sum += averagePrecision(label, overlap, size);
        }
        return sum / OVERLAPS.length;
    }

    /**
     * {@return the mean over classes at one overlap: AP50 and AP75 are those at 0.5 and 0.75}
     *
     * @param overlap least intersection over union, 0 to 1
     */
    public double averagePrecisionAt(double overlap) {
        checkOverlap(overlap);
        return LabelRange.mean(classes, label -> averagePrecision(label, overlap, Size.ALL));
    }

    /**
     * {@return average precision of a class at one overlap; NaN where it has no object}
     *
     * @param label of the class, from 0
     * @param overlap least intersection over union, 0 to 1
     */
    public double averagePrecisionAt(int label, double overlap) {
        checkOverlap(overlap);
        return averagePrecision(label, overlap, Size.ALL);
    }

    private static void checkOverlap(double overlap) {
        if (!(overlap > 0 && overlap <= 1)) {
            throw new IllegalArgumentException(
                    "overlap = " + overlap + ": use a number above 0 and up to 1");
        }
    }

    /** Whether something that was found is right, in the order of scores. */
    private record Ranked(double score, boolean isRight) {}

    private double averagePrecision(int label, double overlap, Size size) {
        if (label < 0 || label >= classes) {
            throw new IndexOutOfBoundsException("label = " + label + ": use 0 to " + (classes - 1));
        }
        List<Ranked> ranked = new ArrayList<>();
        int objects = 0;
        for (int i = 0; i < truth.size(); i++) {
            List<LabelledBox> there = ofClass(truth.get(i), label, size);
            objects += (int) there.stream().filter(object -> counts(object, size)).count();
            addImage(there, found.get(i), label, overlap, size, ranked);
        }
        if (objects == 0) {
            return Double.NaN;
        }
        ranked.sort(Comparator.comparingDouble(Ranked::score).reversed());
        PrecisionCurve curve = new PrecisionCurve(objects);
        ranked.forEach(one -> curve.add(one.isRight));
        return curve.meanAt(RECALLS);
    }

    /** Those that count first. */
    private static List<LabelledBox> ofClass(List<LabelledBox> objects, int label, Size size) {
        return objects.stream()
                .filter(object -> object.label() == label)
                .sorted(Comparator.comparing(object -> !counts(object, size)))
                .toList();
    }

    private static boolean counts(LabelledBox object, Size size) {
        return !object.crowd() && size.holds(object.area());
    }

    private static void addImage(
            List<LabelledBox> objects,
            List<Detection> detections,
            int label,
            double overlap,
            Size size,
            List<Ranked> ranked) {
        List<Detection> best =
                detections.stream()
                        .filter(one -> one.label() == label)
                        .limit(MOST_OF_AN_IMAGE)
                        .toList();
        boolean[] taken = new boolean[objects.size()];
        for (Detection detection : best) {
            int match = match(detection, objects, taken, overlap, size);
            if (match >= 0) {
                taken[match] = true;
                if (counts(objects.get(match), size)) {
                    ranked.add(new Ranked(detection.score(), true));
                }
            } else if (size.holds(detection.box().area())) {
                ranked.add(new Ranked(detection.score(), false));
            }
        }
    }

    /**
     * The free object that a detection overlaps most; one that does not count only where no other
     * is overlapped enough. Crowds are never taken. The last of equals, as in COCO's code.
     */
    private static int match(
            Detection detection,
            List<LabelledBox> objects,
            boolean[] taken,
            double overlap,
            Size size) {
        double most = Math.min(overlap, 1 - 1e-10);
        int match = -1;
        for (int i = 0; i < objects.size(); i++) {
            LabelledBox object = objects.get(i);
            if (taken[i] && !object.crowd()) {
                continue;
            }
            if (match >= 0 && counts(objects.get(match), size) && !counts(object, size)) {
                break;
            }
            double share = overlap(detection, object);
            if (share >= most) {
                most = share;
                match = i;
            }
        }
        return match;
    }

    private static double overlap(Detection detection, LabelledBox object) {
        if (!object.crowd()) {
            return detection.box().iou(object.box());
        }
        double both = detection.box().intersection(object.box());
        return both == 0 ? 0 : both / detection.box().area();
    }
}

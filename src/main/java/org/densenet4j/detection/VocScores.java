package org.densenet4j.detection;

import static java.util.Objects.requireNonNull;

import org.densenet4j.data.LabelledBox;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Average precision as PASCAL VOC defines it (Everingham et al. 2010, section 4.2, and the
 * development kit). What was found, best score first, is right if it overlaps an object of its
 * class by at least 0.5, intersection over union, and no better one did; otherwise wrong. The
 * object is the one that it overlaps most. Where that one is difficult, it is neither.
 *
 * <p>The kit counts a pixel as one unit long, so its boxes from pixel l to r are those from l − 1
 * to r here, and overlaps are the same.
 */
public final class VocScores {
    /** How precision over recall becomes one number. */
    public enum Area {
        /**
         * The mean of the best precision at recalls of at least 0, 0.1, ... , 1: VOC2007, and what
         * papers of detectors on it print.
         */
        ELEVEN_POINTS,
        /** The area under the best precision at each recall or above: VOC2010 and later. */
        EXACT
    }

    private final int classes;
    private final double overlap;
    private final List<List<LabelledBox>> truth = new ArrayList<>();
    private final List<List<Detection>> found = new ArrayList<>();

    /**
     * Of no images, with VOC's overlap of 0.5.
     *
     * @param classes without the background, 1 or more
     */
    public VocScores(int classes) {
        this(classes, 0.5);
    }

    /**
     * Of no images.
     *
     * @param classes without the background, 1 or more
     * @param overlap least intersection over union of what is right
     */
    public VocScores(int classes, double overlap) {
        if (classes < 1) {
            throw new IllegalArgumentException("classes = " + classes + ": use 1 or more");
        }
        if (!(overlap > 0 && overlap <= 1)) {
            throw new IllegalArgumentException(
                    "overlap = " + overlap + ": use a number above 0 and up to 1");
        }
        this.classes = classes;
        this.overlap = overlap;
    }

    /**
     * Adds an image.
     *
     * @param objects that are in it; crowds are left out
     * @param detections that were found in it, in the same unit
     */
    public void add(List<LabelledBox> objects, List<Detection> detections) {
        requireNonNull(objects, "objects");
        requireNonNull(detections, "detections");
        LabelRange.check(objects, detections, classes);
        truth.add(objects.stream().filter(object -> !object.crowd()).toList());
        found.add(List.copyOf(detections));
    }

    /** One detection, of which image. */
    private record Ranked(int image, Detection detection) {}

    /**
     * {@return average precision of a class, 0 to 1; NaN where it has no object that is not
     * difficult}
     *
     * @param label of the class, from 0
     * @param area how it is taken
     */
    public double averagePrecision(int label, Area area) {
        requireNonNull(area, "area");
        if (label < 0 || label >= classes) {
            throw new IndexOutOfBoundsException("label = " + label + ": use 0 to " + (classes - 1));
        }
        List<Ranked> ranked = new ArrayList<>();
        int objects = 0;
        for (int i = 0; i < truth.size(); i++) {
            for (Detection detection : found.get(i)) {
                if (detection.label() == label) {
                    ranked.add(new Ranked(i, detection));
                }
            }
            for (LabelledBox object : truth.get(i)) {
                objects += object.label() == label && !object.difficult() ? 1 : 0;
            }
        }
        if (objects == 0) {
            return Double.NaN;
        }
        ranked.sort(Comparator.comparingDouble((Ranked r) -> r.detection.score()).reversed());
        List<boolean[]> taken = new ArrayList<>();
        truth.forEach(image -> taken.add(new boolean[image.size()]));
        PrecisionCurve curve = new PrecisionCurve(objects);
        for (Ranked next : ranked) {
            List<LabelledBox> there = truth.get(next.image);
            int best = mostOverlapped(next.detection, there);
            if (best < 0) {
                curve.add(false);
            } else if (!there.get(best).difficult()) {
                boolean[] image = taken.get(next.image);
                curve.add(!image[best]);
                image[best] = true;
            }
        }
        return area == Area.ELEVEN_POINTS ? curve.elevenPoints() : curve.area();
    }

    /** The object of the same class that a detection overlaps most, -1 where none is enough. */
    private int mostOverlapped(Detection detection, List<LabelledBox> objects) {
        int best = -1;
        double most = 0;
        for (int i = 0; i < objects.size(); i++) {
            if (objects.get(i).label() == detection.label()) {
                double iou = objects.get(i).box().iou(detection.box());
                if (iou > most) {
                    most = iou;
                    best = i;
                }
            }
        }
        return most >= overlap ? best : -1;
    }

    /**
     * {@return the mean over the classes that have objects; NaN where none has}
     *
     * @param area how it is taken
     */
    public double meanAveragePrecision(Area area) {
        requireNonNull(area, "area");
        return LabelRange.mean(classes, label -> averagePrecision(label, area));
    }
}

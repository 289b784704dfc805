package org.densenet4j.detection;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * How good a detector is on the images of a test, by COCO's definition and by both of PASCAL VOC's.
 *
 * @param images that were tested on
 * @param classes how it does with each, in the order of labels
 * @param small COCO's average precision of objects up to 32² pixels; NaN where there are none
 * @param medium that of objects from 32² to 96² pixels
 * @param large that of objects from 96² pixels on
 */
public record DetectionScores(
        long images, List<OfClass> classes, double small, double medium, double large) {
    /** Of no test. */
    public static final DetectionScores NONE =
            new DetectionScores(0, List.of(), Double.NaN, Double.NaN, Double.NaN);

    /**
     * Average precisions of a class, 0 to 1; NaN where it has no object.
     *
     * @param objects that are to be found: without crowds and without difficult ones
     * @param found boxes of the class
     * @param coco mean over overlaps 0.50 to 0.95 ({@link CocoScores})
     * @param coco50 at the overlap 0.5
     * @param coco75 at the overlap 0.75
     * @param voc area under the curve ({@link VocScores.Area#EXACT})
     * @param voc2007 mean at 11 recalls ({@link VocScores.Area#ELEVEN_POINTS})
     */
    public record OfClass(
            long objects,
            long found,
            double coco,
            double coco50,
            double coco75,
            double voc,
            double voc2007) {}

    /** Keeps a copy. */
    public DetectionScores {
        classes = List.copyOf(classes);
    }

    /** {@return mean over classes of COCO's average precision; NaN where there is no object} */
    public double coco() {
        return mean(OfClass::coco);
    }

    /** {@return COCO's AP50} */
    public double coco50() {
        return mean(OfClass::coco50);
    }

    /** {@return COCO's AP75} */
    public double coco75() {
        return mean(OfClass::coco75);
    }

    /** {@return VOC's mean average precision, of 2010 and later} */
    public double voc() {
        return mean(OfClass::voc);
    }

    /** {@return VOC2007's mean average precision, at 11 recalls} */
    public double voc2007() {
        return mean(OfClass::voc2007);
    }

    private double mean(ToDoubleFunction<OfClass> score) {
        requireNonNull(score, "score");
        return LabelRange.mean(classes.size(), c -> score.applyAsDouble(classes.get(c)));
    }
}

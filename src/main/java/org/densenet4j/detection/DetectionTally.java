package org.densenet4j.detection;

import static java.util.Objects.requireNonNull;

import org.densenet4j.data.LabelledBox;

import java.util.List;
import java.util.stream.IntStream;

/** What was found in the images of a test, and what is in them: all that scores are made of. */
public final class DetectionTally {
    private final VocScores voc;
    private final CocoScores coco;
    private final long[] objects;
    private final long[] found;
    private long images;

    /**
     * Of no images.
     *
     * @param classes without the background, 1 or more
     */
    public DetectionTally(int classes) {
        voc = new VocScores(classes);
        coco = new CocoScores(classes);
        objects = new long[classes];
        found = new long[classes];
    }

    /**
     * Adds an image.
     *
     * @param truth objects that are in it, in pixels
     * @param detections that were found in it, in pixels
     */
    public void add(List<LabelledBox> truth, List<Detection> detections) {
        requireNonNull(truth, "truth");
        requireNonNull(detections, "detections");
        voc.add(truth, detections);
        coco.add(truth, detections);
        for (LabelledBox object : truth) {
            objects[object.label()] += object.crowd() || object.difficult() ? 0 : 1;
        }
        detections.forEach(one -> found[one.label()]++);
        images++;
    }

    /** {@return the scores of the images so far; takes seconds for thousands of them} */
    public DetectionScores scores() {
        List<DetectionScores.OfClass> classes =
                IntStream.range(0, objects.length).parallel().mapToObj(this::ofClass).toList();
        return new DetectionScores(
                images,
                classes,
                coco.averagePrecision(CocoScores.Size.SMALL),
                coco.averagePrecision(CocoScores.Size.MEDIUM),
                coco.averagePrecision(CocoScores.Size.LARGE));
    }

    private DetectionScores.OfClass ofClass(int label) {
        return new DetectionScores.OfClass(
                objects[label],
                found[label],
                coco.averagePrecision(label, CocoScores.Size.ALL),
                coco.averagePrecisionAt(label, 0.5),
                coco.averagePrecisionAt(label, 0.75),
                voc.averagePrecision(label, VocScores.Area.EXACT),
                voc.averagePrecision(label, VocScores.Area.ELEVEN_POINTS));
    }
}

package org.densenet4j.detection;

import org.densenet4j.data.LabelledBox;

import java.util.List;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;

/** The classes that scores are taken of. */
final class LabelRange {
    private LabelRange() {}

    /** Refuses classes that there are none of. */
    static void check(List<LabelledBox> objects, List<Detection> detections, int classes) {
        IntStream.concat(
                        objects.stream().mapToInt(LabelledBox::label),
                        detections.stream().mapToInt(Detection::label))
                .filter(label -> label >= classes)
                .findFirst()
                .ifPresent(
                        label -> {
                            throw new IllegalArgumentException(
                                    "class " + label + " of " + classes + ": use labels from 0");
                        });
    }

    /** The mean over the classes that have a score; NaN where none has. */
    static double mean(int classes, IntToDoubleFunction score) {
        return IntStream.range(0, classes)
                .mapToDouble(score)
                .filter(value -> !Double.isNaN(value))
                .average()
                .orElse(Double.NaN);
    }
}

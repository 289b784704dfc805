package org.densenet4j.cli;

import org.densenet4j.data.Box;
import org.densenet4j.data.Image;
import org.densenet4j.detection.Detection;
import org.densenet4j.io.OneLine;
import org.densenet4j.report.Json;

import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What is told of an image in which objects were found.
 *
 * @param file of the image
 * @param width of the image in pixels
 * @param height of the image in pixels
 * @param found in its pixels, highest score first
 * @param classNames which labels index
 * @param picture with the boxes
 */
record PredictedBoxes(
        Path file,
        int width,
        int height,
        List<Detection> found,
        List<String> classNames,
        Path picture) {

    PredictedBoxes(
            Path file, Image image, List<Detection> found, List<String> classNames, Path picture) {
        this(file, image.width(), image.height(), found, classNames, picture);
    }

    /** Prints it as text. */
    void print(PrintStream out) {
        out.println(OneLine.of(file.toString()));
        for (Detection one : found) {
            Box box = one.box();
            out.printf(
                    Locale.ROOT,
                    "  %6.2f %%  %-16s (%.0f, %.0f) to (%.0f, %.0f)%n",
                    100 * one.score(),
                    OneLine.of(classNames.get(one.label())),
                    box.left(),
                    box.top(),
                    box.right(),
                    box.bottom());
        }
        if (found.isEmpty()) {
            out.println("  nothing above the score");
        }
        out.println("  " + OneLine.of(picture.toString()));
    }

    /** The same as JSON. */
    Map<String, Object> json() {
        return Json.object(
                "file",
                file.toString(),
                "width",
                width,
                "height",
                height,
                "objects",
                found.stream().map(this::json).toList(),
                "picture",
                picture.toString());
    }

    private Map<String, Object> json(Detection one) {
        Box box = one.box();
        return Json.object(
                "index",
                one.label(),
                "class",
                classNames.get(one.label()),
                "score",
                one.score(),
                "box",
                Json.object(
                        "left", hundredths(box.left()),
                        "top", hundredths(box.top()),
                        "right", hundredths(box.right()),
                        "bottom", hundredths(box.bottom())));
    }

    private static double hundredths(double pixels) {
        return Math.round(100 * pixels) / 100.0;
    }
}

package org.densenet4j.cli;

import org.densenet4j.data.ClassMask;
import org.densenet4j.io.OneLine;
import org.densenet4j.report.Json;

import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * What is told of an image whose pixels were classified.
 *
 * @param file of the image
 * @param mask the classes
 * @param written the mask's files, as {@link ClassMask#fileNames} orders them
 */
record PredictedMask(Path file, ClassMask mask, List<Path> written) {
    /** The classes that the most pixels have, the most common one first; at most {@code top}. */
    private List<Integer> mostCommon(double[] shares, int top) {
        return IntStream.range(0, shares.length)
                .filter(c -> shares[c] > 0)
                .boxed()
                .sorted(Comparator.comparingDouble(c -> -shares[c])) // stable: ties by index
                .limit(top)
                .toList();
    }

    /** Prints it as text. */
    void print(PrintStream out, int top) {
        double[] shares = mask.shares();
        out.println(OneLine.of(file.toString()));
        for (int c : mostCommon(shares, top)) {
            out.printf(
                    Locale.ROOT,
                    "  %6.2f %%  %s%n",
                    100 * shares[c],
                    OneLine.of(mask.classes().names().get(c)));
        }
        for (Path path : written) {
            out.println("  " + OneLine.of(path.toString()));
        }
    }

    /** The same as JSON. */
    Map<String, Object> json(int top) {
        double[] shares = mask.shares();
        return Json.object(
                "file",
                file.toString(),
                "width",
                mask.width(),
                "height",
                mask.height(),
                "classes",
                mostCommon(shares, top).stream().map(c -> json(c, shares[c])).toList(),
                "masks",
                Json.object(
                        "index", written.get(0).toString(),
                        "colours", written.get(1).toString(),
                        "overlay", written.get(2).toString()));
    }

    /** With the index that stands for the class in the mask of indices. */
    private Map<String, Object> json(int c, double share) {
        return Json.object(
                "index",
                mask.classes().index(c),
                "class",
                mask.classes().names().get(c),
                "share",
                share);
    }
}

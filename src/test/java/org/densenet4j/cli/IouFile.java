package org.densenet4j.cli;

import java.util.List;
import java.util.Locale;

/** What commands print of a run's {@code iou.csv}, from its rows. */
final class IouFile {
    private IouFile() {}

    /** Of a class. */
    static String percent(List<String> row) {
        return row.get(1).isEmpty() ? "-" : percent(Double.parseDouble(row.get(1)));
    }

    /** The mean of the classes that occur; the first line is the headings. */
    static String mean(List<List<String>> lines) {
        return percent(
                lines.stream()
                        .skip(1)
                        .filter(row -> !row.get(1).isEmpty())
                        .mapToDouble(row -> Double.parseDouble(row.get(1)))
                        .average()
                        .orElseThrow());
    }

    private static String percent(double share) {
        return String.format(Locale.ROOT, "%.2f %%", 100 * share);
    }
}

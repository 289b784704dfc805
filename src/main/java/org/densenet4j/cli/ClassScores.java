package org.densenet4j.cli;

import org.densenet4j.inference.PixelEvaluation.ClassResult;
import org.densenet4j.io.OneLine;

import java.util.List;
import java.util.Locale;

/** How well the pixels of each class are found, as a table. */
final class ClassScores {
    private ClassScores() {}

    /** The scores that a run's folder has of its best state. */
    static List<ClassResult> of(List<List<String>> csv) {
        return csv.stream()
                .map(
                        row ->
                                new ClassResult(
                                        row.get(0),
                                        row.get(1).isEmpty()
                                                ? Double.NaN
                                                : Double.parseDouble(row.get(1)),
                                        Long.parseLong(row.get(2)),
                                        Long.parseLong(row.get(3)),
                                        Long.parseLong(row.get(4))))
                .toList();
    }

    /** Lines of all classes, below headings. */
    static String table(List<ClassResult> scores) {
        StringBuilder table = new StringBuilder();
        table.append(line("class", "IoU", "recall", "precision", "pixels"));
        for (ClassResult s : scores) {
            table.append(
                    line(
                            OneLine.of(s.name()),
                            percent(s.iou()),
                            percent((double) s.correct() / s.labelled()),
                            percent((double) s.correct() / s.predicted()),
                            String.format(Locale.ROOT, "%,d", s.labelled())));
        }
        return table.toString();
    }

    private static String line(String name, String iou, String recall, String precision, String n) {
        return String.format(
                Locale.ROOT, "%-24s %9s %9s %9s %15s%n", name, iou, recall, precision, n);
    }

    /** A share to two places; of nothing, 0 / 0, there is none. */
    static String percent(double share) {
        return Double.isNaN(share) ? "-" : String.format(Locale.ROOT, "%.2f %%", 100 * share);
    }
}

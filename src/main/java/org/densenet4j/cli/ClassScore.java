package org.densenet4j.cli;

import org.densenet4j.inference.PixelEvaluation;
import org.densenet4j.io.OneLine;

import java.util.List;
import java.util.Locale;

/**
 * How well the pixels of a class are found.
 *
 * @param name of the class
 * @param iou intersection over union, NaN of a class that neither is nor is predicted anywhere
 * @param right pixels of the class that are predicted so
 * @param labelled pixels of the class
 * @param predicted pixels that are predicted so, without void ones
 */
record ClassScore(String name, double iou, long right, long labelled, long predicted) {

    /** The scores that a run's folder has of its best state. */
    static List<ClassScore> of(List<List<String>> csv) {
        return csv.stream()
                .map(
                        row ->
                                new ClassScore(
                                        row.get(0),
                                        row.get(1).isEmpty()
                                                ? Double.NaN
                                                : Double.parseDouble(row.get(1)),
                                        Long.parseLong(row.get(2)),
                                        Long.parseLong(row.get(3)),
                                        Long.parseLong(row.get(4))))
                .toList();
    }

    /** The results of an evaluation. */
    static List<ClassScore> of(PixelEvaluation evaluation) {
        return evaluation.classes().stream()
                .map(
                        c ->
                                new ClassScore(
                                        c.name(),
                                        c.iou(),
                                        c.correct(),
                                        c.labelled(),
                                        c.predicted()))
                .toList();
    }

    /** Lines of all classes, below headings. */
    static String table(List<ClassScore> scores) {
        StringBuilder table = new StringBuilder();
        table.append(line("class", "IoU", "recall", "precision", "pixels"));
        for (ClassScore s : scores) {
            table.append(
                    line(
                            OneLine.of(s.name),
                            percent(s.iou),
                            percent((double) s.right / s.labelled),
                            percent((double) s.right / s.predicted),
                            String.format(Locale.ROOT, "%,d", s.labelled)));
        }
        return table.toString();
    }

    private static String line(String name, String iou, String recall, String precision, String n) {
        return String.format(
                Locale.ROOT, "%-24s %9s %9s %9s %15s%n", name, iou, recall, precision, n);
    }

    /** Of nothing, 0 / 0, there is no share. */
    private static String percent(double share) {
        return Double.isFinite(share) ? String.format(Locale.ROOT, "%.2f %%", 100 * share) : "-";
    }
}

package org.densenet4j.train;

import org.densenet4j.data.OutputScores;
import org.densenet4j.data.Task;
import org.densenet4j.detection.DetectionScores;
import org.densenet4j.io.Csv;
import org.densenet4j.report.Table;

import java.util.List;

/** How each output does, as a table: a line for each, and one for their mean. */
final class OutputTable {
    private static final String MEAN = "mean";
    private static final String NONE = "–";

    private OutputTable() {}

    /**
     * A table for readers.
     *
     * @param lines of {@link #csv}, the headings first
     */
    static Table of(List<List<String>> lines) {
        Table table =
                Table.of(
                        "Outputs",
                        lines.getFirst().stream()
                                .map(name -> name.replace('_', ' '))
                                .toArray(String[]::new));
        for (List<String> row : lines.subList(1, lines.size())) {
            table.row(row.stream().map(cell -> cell.isEmpty() ? NONE : cell).toArray());
        }
        return table;
    }

    /** Comma-separated values with headings. */
    static String csv(Task task, List<String> names, List<OutputScores.Score> scores) {
        return task == Task.REGRESS ? numbers(names, scores) : labels(names, scores);
    }

    /** The same of the boxes around objects. */
    static String csv(List<String> names, DetectionScores scores) {
        Csv csv = Csv.of("class", "ap", "ap50", "ap75", "voc", "voc2007", "objects", "found");
        for (int c = 0; c < scores.classes().size(); c++) {
            DetectionScores.OfClass s = scores.classes().get(c);
            csv.row(
                    names.get(c),
                    Csv.decimals(4, s.coco()),
                    Csv.decimals(4, s.coco50()),
                    Csv.decimals(4, s.coco75()),
                    Csv.decimals(4, s.voc()),
                    Csv.decimals(4, s.voc2007()),
                    s.objects(),
                    s.found());
        }
        return csv.row(
                        MEAN,
                        Csv.decimals(4, scores.coco()),
                        Csv.decimals(4, scores.coco50()),
                        Csv.decimals(4, scores.coco75()),
                        Csv.decimals(4, scores.voc()),
                        Csv.decimals(4, scores.voc2007()),
                        "",
                        "")
                .toString();
    }

    private static String labels(List<String> names, List<OutputScores.Score> scores) {
        Csv csv = Csv.of("label", "auroc", "average_precision", "with", "without");
        for (int c = 0; c < scores.size(); c++) {
            OutputScores.Score s = scores.get(c);
            csv.row(
                    names.get(c),
                    Csv.decimals(6, s.auroc()),
                    Csv.decimals(6, s.averagePrecision()),
                    s.positive(),
                    s.negative());
        }
        return csv.row(
                        MEAN,
                        Csv.decimals(6, OutputScores.mean(scores, OutputScores.Score::auroc)),
                        Csv.decimals(
                                6, OutputScores.mean(scores, OutputScores.Score::averagePrecision)),
                        "",
                        "")
                .toString();
    }

    private static String numbers(List<String> names, List<OutputScores.Score> scores) {
        Csv csv = Csv.of("output", "mean_absolute_error", "images");
        for (int c = 0; c < scores.size(); c++) {
            OutputScores.Score s = scores.get(c);
            csv.row(
                    names.get(c),
                    Csv.significant(7, s.absoluteError()),
                    s.positive() + s.negative());
        }
        return csv.row(
                        MEAN,
                        Csv.significant(
                                7, OutputScores.mean(scores, OutputScores.Score::absoluteError)),
                        "")
                .toString();
    }
}

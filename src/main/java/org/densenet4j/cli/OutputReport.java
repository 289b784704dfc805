package org.densenet4j.cli;

import org.densenet4j.data.OutputScores;
import org.densenet4j.data.Task;
import org.densenet4j.inference.OutputEvaluation;
import org.densenet4j.io.OneLine;
import org.densenet4j.report.Json;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** How a network does whose outputs each have a target by themselves, for readers and programs. */
final class OutputReport {
    private static final String NONE = "–";

    private OutputReport() {}

    static String table(OutputEvaluation e) {
        StringBuilder text = new StringBuilder();
        boolean numbers = e.task() == Task.REGRESS;
        text.append(
                String.format(
                        Locale.ROOT, "%,d images%nloss            %.4f%n", e.images(), e.loss()));
        if (numbers) {
            text.append(
                    String.format(
                            Locale.ROOT,
                            "mean error      %s%n%n%-24s %12s %9s%n",
                            number("%.6g", e.meanAbsoluteError()),
                            "output",
                            "mean error",
                            "images"));
        } else {
            text.append(
                    String.format(
                            Locale.ROOT,
                            "all right       %.2f %%%nmean AUROC      %s%nmean AP         %s%n%n%-24s"
                                    + " %8s %8s %8s %8s%n",
                            100 * e.exact(),
                            number("%.4f", e.meanAuroc()),
                            number("%.4f", e.meanAveragePrecision()),
                            "label",
                            "with",
                            "without",
                            "AUROC",
                            "AP"));
        }
        for (int c = 0; c < e.outputs().size(); c++) {
            OutputScores.Score s = e.outputs().get(c);
            String name = OneLine.of(e.names().get(c));
            text.append(
                    numbers
                            ? String.format(
                                    Locale.ROOT,
                                    "%-24s %12s %9d%n",
                                    name,
                                    number("%.6g", s.absoluteError()),
                                    s.positive() + s.negative())
                            : String.format(
                                    Locale.ROOT,
                                    "%-24s %8d %8d %8s %8s%n",
                                    name,
                                    s.positive(),
                                    s.negative(),
                                    number("%.4f", s.auroc()),
                                    number("%.4f", s.averagePrecision())));
        }
        return text.toString();
    }

    private static String number(String format, double value) {
        return Double.isNaN(value) ? NONE : String.format(Locale.ROOT, format, value);
    }

    static String json(OutputEvaluation e) {
        List<Map<String, Object>> outputs = new ArrayList<>();
        boolean numbers = e.task() == Task.REGRESS;
        for (int c = 0; c < e.outputs().size(); c++) {
            OutputScores.Score s = e.outputs().get(c);
            outputs.add(
                    numbers
                            ? Json.object(
                                    "output", e.names().get(c),
                                    "mean_absolute_error", s.absoluteError(),
                                    "images", s.positive() + s.negative())
                            : Json.object(
                                    "label", e.names().get(c),
                                    "auroc", s.auroc(),
                                    "average_precision", s.averagePrecision(),
                                    "with", s.positive(),
                                    "without", s.negative()));
        }
        return Json.pretty(
                numbers
                        ? Json.object(
                                "images", e.images(),
                                "loss", e.loss(),
                                "mean_absolute_error", e.meanAbsoluteError(),
                                "outputs", outputs)
                        : Json.object(
                                "images", e.images(),
                                "loss", e.loss(),
                                "all_right", e.exact(),
                                "mean_auroc", e.meanAuroc(),
                                "mean_average_precision", e.meanAveragePrecision(),
                                "labels", outputs));
    }
}

package org.densenet4j.cli;

import org.densenet4j.inference.Exit;
import org.densenet4j.inference.ExitEvaluation;
import org.densenet4j.inference.ExitEvaluation.Point;
import org.densenet4j.io.OutputFolder;
import org.densenet4j.report.HtmlPage;
import org.densenet4j.report.Json;
import org.densenet4j.report.Table;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/**
 * Accuracy of a network's exits against what they cost: of each exit, and, where images leave by
 * thresholds, over the budget.
 *
 * @param evaluation of the test images
 * @param budgeted the curve of budgets; empty where it was not asked for
 */
record ExitReport(ExitEvaluation evaluation, List<Point> budgeted) {
    static final String PAGE = "report.html";

    /** Every fourth point of the curve is enough to read. */
    private static final int STEP = 4;

    /** Keeps a copy. */
    ExitReport {
        budgeted = List.copyOf(budgeted);
    }

    /** Tables for the terminal. */
    String text() {
        StringBuilder text = new StringBuilder();
        text.append(String.format(Locale.ROOT, "%,d images%n%n", evaluation.images()));
        text.append(anytime().text());
        if (!budgeted.isEmpty()) {
            text.append('\n').append(budget(STEP).text());
        }
        return text.toString();
    }

    private Table anytime() {
        Table table =
                Table.of(
                        "Every image leaves at the same exit",
                        "exit",
                        "accuracy, %",
                        "M multiply-adds",
                        "ms an image");
        List<Exit> exits = evaluation.exits();
        List<Point> points = evaluation.anytime();
        for (int i = 0; i < exits.size(); i++) {
            Point p = points.get(i);
            table.row(
                    exits.get(i).number(),
                    percent(p),
                    millions(p.multiplyAdds()),
                    milliseconds(p.seconds()));
        }
        return table;
    }

    private Table budget(int step) {
        Table table =
                Table.of(
                        "Easy images leave early",
                        "q",
                        "accuracy, %",
                        "M multiply-adds",
                        "ms an image");
        for (int i = step - 1; i < budgeted.size(); i += step) {
            Point p = budgeted.get(i);
            table.row(
                    String.format(Locale.ROOT, "%.2f", (i + 1) / 20.0),
                    percent(p),
                    millions(p.multiplyAdds()),
                    milliseconds(p.seconds()));
        }
        return table;
    }

    private static String percent(Point p) {
        return String.format(Locale.ROOT, "%.2f", 100 * p.accuracy());
    }

    private static String millions(double multiplyAdds) {
        return String.format(Locale.ROOT, "%.2f", multiplyAdds / 1e6);
    }

    private static String milliseconds(double seconds) {
        return String.format(Locale.ROOT, "%.3f", 1e3 * seconds);
    }

    String json() {
        return Json.pretty(
                Json.object(
                        "images", evaluation.images(),
                        "anytime", points(evaluation.anytime()),
                        "budget", points(budgeted)));
    }

    private static List<Map<String, Object>> points(List<Point> points) {
        List<Map<String, Object>> all = new ArrayList<>();
        for (Point p : points) {
            all.add(
                    Json.object(
                            "accuracy", p.accuracy(),
                            "multiply_adds", p.multiplyAdds(),
                            "seconds", p.seconds()));
        }
        return all;
    }

    /** Writes the page. */
    void write(Path folder, String network) throws IOException {
        HtmlPage page = HtmlPage.titled("Accuracy of exits").subtitle(network);
        Point last = evaluation.anytime().getLast();
        page.keyFigure("images", String.format(Locale.ROOT, "%,d", evaluation.images()));
        page.keyFigure("accuracy of the last exit", percent(last) + " %");
        page.section("Against multiply-adds");
        page.chart(
                "Accuracy against the mean multiply-adds of an image, in millions",
                curves("M multiply-adds", p -> p.multiplyAdds() / 1e6));
        page.section("Against time");
        page.text(
                "As measured here, in batches whose images all go as far as the last exit; what"
                        + " leaves early counts with the time up to its exit.");
        page.chart(
                "Accuracy against the mean time of an image, in milliseconds",
                curves("ms an image", p -> 1e3 * p.seconds()));
        page.section("Numbers");
        page.table(anytime());
        if (!budgeted.isEmpty()) {
            page.table(budget(1));
        }
        page.write(OutputFolder.make(folder), PAGE);
    }

    private Map<String, Object> curves(String cost, ToDoubleFunction<Point> of) {
        List<Map<String, Object>> series = new ArrayList<>();
        series.add(line("every image at the same exit", evaluation.anytime(), of));
        if (!budgeted.isEmpty()) {
            series.add(line("easy images leave early", budgeted, of));
        }
        return Json.object(
                "legend", Json.object("top", 0),
                "grid", Json.object("left", 60, "right", 24, "top", 40, "bottom", 48),
                "tooltip", Json.object("trigger", "item"),
                "xAxis",
                        Json.object(
                                "type",
                                "value",
                                "name",
                                cost,
                                "nameLocation",
                                "middle",
                                "nameGap",
                                30,
                                "scale",
                                true),
                "yAxis",
                        Json.object(
                                "type",
                                "value",
                                "scale",
                                true,
                                "axisLabel",
                                Json.object("formatter", "format:percent")),
                "series", series);
    }

    private static Map<String, Object> line(
            String name, List<Point> points, ToDoubleFunction<Point> cost) {
        List<List<Double>> data = new ArrayList<>();
        for (Point p : points) {
            data.add(List.of(cost.applyAsDouble(p), p.accuracy()));
        }
        return Json.object("name", name, "type", "line", "data", data);
    }
}

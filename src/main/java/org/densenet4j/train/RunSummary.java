package org.densenet4j.train;

import static org.densenet4j.report.Json.object;

import org.densenet4j.report.HtmlPage;
import org.densenet4j.report.Table;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.DoubleFunction;

/** A run on one HTML page: curves, the confusion matrix, the settings. */
final class RunSummary {
    /** A share that was rounded to all of the time still has a ratio to the rest. */
    private static final double MOST_WAIT = 0.9999;

    /** Matrices of more classes are shown as their most frequent mistakes only. */
    private static final int MOST_CLASSES = 50;

    private static final String NONE = "–";

    private static final int MOST_MISTAKES = 20;

    /** What columns of one output start with. */
    private static final List<String> OF_OUTPUTS =
            List.of(
                    EpochResult.IOU_OF,
                    EpochResult.AUROC_OF,
                    EpochResult.ERROR_OF,
                    EpochResult.ACCURACY_OF,
                    EpochResult.AP_OF);

    private final RunFolder folder;

    private RunSummary(RunFolder folder) {
        this.folder = folder;
    }

    /**
     * Writes the page from the files of a run's folder.
     *
     * @param subtitle the model
     */
    static void write(
            RunFolder folder,
            String subtitle,
            Map<String, String> settings,
            List<String> classNames,
            BestBy bestBy)
            throws IOException {
        RunSummary summary = new RunSummary(folder);
        Metrics epochs = folder.metrics();
        HtmlPage page = HtmlPage.titled("Training run").subtitle(subtitle);
        if (epochs.size() > 0) {
            summary.keyFigures(page, epochs, bestBy);
            summary.curves(page, epochs);
        }
        summary.confusion(page, classNames, folder.confusion());
        summary.iou(page, folder.iou());
        summary.outputs(page, folder.outputs());
        Table table = Table.of("Settings", "key", "value");
        settings.forEach(table::row);
        page.section("Settings").table(table);
        page.write(summary.folder.file(RunFolder.SUMMARY));
    }

    private void keyFigures(HtmlPage page, Metrics epochs, BestBy bestBy) {
        double[] score = epochs.column(bestBy.column());
        int best = 0;
        // Epochs have the same number of images: seconds of one image, added up over epochs.
        double steps = 0;
        double wait = 0;
        int trained = 0; // an epoch whose training is of an earlier process was only tested
        double seconds = 0;
        for (int e = 0; e < score.length; e++) {
            best = bestBy.isBetter(score[e], score[best]) || Double.isNaN(score[best]) ? e : best;
            double rate = epochs.column("images_per_second")[e];
            if (rate > 0) {
                double share = Math.min(epochs.column("input_wait")[e], MOST_WAIT);
                trained++;
                steps += 1 / rate;
                wait += share / (1 - share) / rate;
            }
            seconds += epochs.column("seconds")[e];
        }
        page.keyFigure(
                bestBy == BestBy.ACCURACY ? "best test accuracy" : "best " + bestBy.text(),
                Double.isNaN(score[best]) ? NONE : bestBy.format(score[best]));
        String bestEpoch = Double.isNaN(score[best]) ? NONE : String.valueOf(best + 1);
        page.keyFigure("in epoch", bestEpoch + " of " + score.length);
        if (trained > 0) {
            page.keyFigure(
                    "images per second", String.format(Locale.ROOT, "%.1f", trained / steps));
            page.keyFigure("waiting for input", percent(wait / (wait + steps)));
        }
        page.keyFigure(
                "time",
                String.format(
                        Locale.ROOT,
                        "%d:%02d:%02d",
                        (long) seconds / 3600,
                        (long) seconds / 60 % 60,
                        (long) seconds % 60));
    }

    private static String percent(double share) {
        return Double.isFinite(share) ? String.format(Locale.ROOT, "%.2f %%", 100 * share) : NONE;
    }

    private void curves(HtmlPage page, Metrics epochs) {
        boolean classified = epochs.has("test_accuracy");
        boolean ofBoxes = epochs.has(EpochResult.VOC2007);
        page.section(
                classified
                        ? "Loss and accuracy"
                        : ofBoxes ? "Loss and average precision" : "Loss and error");
        page.chart("Loss of each epoch", lines(epochs, "number", "train_loss", "test_loss"));
        if (classified) {
            page.chart(
                    "Accuracy of each epoch",
                    lines(epochs, "percent", "train_accuracy", "test_accuracy"));
        }
        if (columns(epochs, EpochResult.ACCURACY_OF).length > 0) {
            page.chart(
                    "Test accuracy of each exit",
                    lines(epochs, "percent", columns(epochs, EpochResult.ACCURACY_OF)));
        }
        if (epochs.has(EpochResult.AUROC)) {
            page.chart(
                    "Mean AUROC and average precision of each epoch",
                    lines(epochs, "number", EpochResult.AUROC, EpochResult.AVERAGE_PRECISION));
            page.chart(
                    "AUROC of each label",
                    lines(epochs, "number", columns(epochs, EpochResult.AUROC_OF)));
        }
        if (epochs.has(EpochResult.ABSOLUTE_ERROR)) {
            page.chart(
                    "Mean absolute error of each epoch",
                    lines(epochs, "number", EpochResult.ABSOLUTE_ERROR));
            page.chart(
                    "Mean absolute error of each output",
                    lines(epochs, "number", columns(epochs, EpochResult.ERROR_OF)));
        }
        if (ofBoxes) {
            page.chart(
                    "Mean average precision of each epoch",
                    lines(
                            epochs,
                            "number",
                            EpochResult.AVERAGE_PRECISION,
                            EpochResult.COCO50,
                            EpochResult.COCO75,
                            EpochResult.VOC,
                            EpochResult.VOC2007));
            page.chart(
                    "Average precision of each class",
                    lines(epochs, "number", columns(epochs, EpochResult.AP_OF)));
        }
        boolean ofPixels = epochs.has(EpochResult.MEAN_IOU);
        if (ofPixels) {
            page.chart("Mean IoU of each epoch", lines(epochs, "percent", EpochResult.MEAN_IOU));
            page.chart(
                    "IoU of each class",
                    lines(epochs, "percent", columns(epochs, EpochResult.IOU_OF)));
        }
        epochTable(page, epochs);
        page.section("Learning rate");
        page.chart(
                "Learning rate at the end of each epoch",
                lines(epochs, "number", "learning_rate"),
                220);
    }

    /** A column for each number that the task has. */
    private static void epochTable(HtmlPage page, Metrics epochs) {
        Map<String, DoubleFunction<Object>> columns = new LinkedHashMap<>();
        columns.put("epoch", value -> (int) value);
        columns.put("train_loss", RunSummary::number);
        columns.put("train_accuracy", RunSummary::percent);
        columns.put("test_loss", RunSummary::number);
        columns.put("test_accuracy", RunSummary::percent);
        columns.put(EpochResult.MEAN_IOU, RunSummary::percent);
        columns.put("test_top5", RunSummary::percent);
        columns.put(EpochResult.AUROC, RunSummary::number);
        columns.put(EpochResult.AVERAGE_PRECISION, RunSummary::number);
        columns.put(EpochResult.COCO50, RunSummary::number);
        columns.put(EpochResult.COCO75, RunSummary::number);
        columns.put(EpochResult.VOC, RunSummary::number);
        columns.put(EpochResult.VOC2007, RunSummary::number);
        columns.put(EpochResult.ABSOLUTE_ERROR, RunSummary::number);
        columns.put("images_per_second", value -> String.format(Locale.ROOT, "%.1f", value));
        columns.put("input_wait", RunSummary::percent);
        columns.keySet().removeIf(name -> !epochs.has(name));
        Table table =
                Table.of(
                        "All epochs",
                        columns.keySet().stream().map(RunSummary::heading).toArray(String[]::new));
        for (int e = 0; e < epochs.size(); e++) {
            int epoch = e;
            table.row(
                    columns.entrySet().stream()
                            .map(c -> c.getValue().apply(epochs.column(c.getKey())[epoch]))
                            .toArray());
        }
        page.foldedTable(table);
    }

    private static String heading(String column) {
        return switch (column) {
            case "test_top5" -> "in the top 5";
            case "images_per_second" -> "images/s";
            default -> shown(column);
        };
    }

    private static String[] columns(Metrics epochs, String prefix) {
        return epochs.columns().stream()
                .filter(name -> name.startsWith(prefix))
                .toArray(String[]::new);
    }

    private static String number(double value) {
        return Double.isFinite(value) ? String.format(Locale.ROOT, "%.4f", value) : NONE;
    }

    /** A column of the metrics in a legend. */
    private static String shown(String column) {
        switch (column) {
            case EpochResult.MEAN_IOU -> {
                return "mean IoU";
            }
            case EpochResult.AUROC -> {
                return "mean AUROC";
            }
            case EpochResult.AVERAGE_PRECISION -> {
                return "mean average precision";
            }
            case EpochResult.ABSOLUTE_ERROR -> {
                return "mean absolute error";
            }
            case EpochResult.COCO50 -> {
                return "AP50";
            }
            case EpochResult.COCO75 -> {
                return "AP75";
            }
            case EpochResult.VOC -> {
                return "VOC";
            }
            case EpochResult.VOC2007 -> {
                return "VOC2007";
            }
            default -> {
                for (String prefix : OF_OUTPUTS) {
                    if (column.startsWith(prefix)) {
                        return column.substring(prefix.length());
                    }
                }
                return column.replace('_', ' ');
            }
        }
    }

    private static Map<String, Object> lines(Metrics epochs, String format, String... columns) {
        double[] numbers = epochs.column("epoch");
        List<Object> series = new ArrayList<>();
        for (String name : columns) {
            double[] values = epochs.column(name);
            List<double[]> points = new ArrayList<>();
            for (int e = 0; e < values.length; e++) {
                points.add(new double[] {numbers[e], values[e]});
            }
            series.add(
                    object(
                            "type",
                            "line",
                            "name",
                            shown(name),
                            "showSymbol",
                            values.length < 40,
                            "data",
                            points));
        }
        Map<String, Object> vertical =
                object(
                        "type",
                        "value",
                        "scale",
                        true,
                        "axisLabel",
                        object("formatter", "format:" + format));
        if (format.equals("percent")) {
            vertical.put("max", "limit:percent");
        }
        return object(
                "grid",
                object("left", 12, "right", 16, "top", 44, "bottom", 28, "containLabel", true),
                "legend",
                object("top", 0, "left", 0),
                "tooltip",
                object("trigger", "axis", "valueFormatter", "format:" + format),
                "xAxis",
                object(
                        "type",
                        "value",
                        "name",
                        "epoch",
                        "nameLocation",
                        "middle",
                        "nameGap",
                        28,
                        "minInterval",
                        1,
                        "min",
                        numbers[0],
                        "max",
                        Math.max(numbers[numbers.length - 1], numbers[0] + 1)),
                "yAxis",
                vertical,
                "series",
                series);
    }

    private void confusion(HtmlPage page, List<String> names, int[][] confusion) {
        if (confusion.length == 0) {
            return;
        }
        page.section("Confusion matrix of the best state");
        int classes = confusion.length;
        if (classes <= MOST_CLASSES) {
            page.chart(
                    "Test images by class (rows) and prediction (columns)",
                    matrix(names, confusion),
                    Math.max(300, 26 * classes + 140));
        }
        Table mistakes =
                Table.of("The most frequent mistakes", "class", "taken for", "images", "of class");
        List<int[]> pairs = new ArrayList<>();
        for (int label = 0; label < classes; label++) {
            for (int predicted = 0; predicted < classes; predicted++) {
                if (label != predicted && confusion[label][predicted] > 0) {
                    pairs.add(new int[] {label, predicted, confusion[label][predicted]});
                }
            }
        }
        pairs.sort((a, b) -> b[2] - a[2]);
        for (int[] pair : pairs.subList(0, Math.min(MOST_MISTAKES, pairs.size()))) {
            int images = 0;
            for (int count : confusion[pair[0]]) {
                images += count;
            }
            mistakes.row(
                    names.get(pair[0]),
                    names.get(pair[1]),
                    pair[2],
                    percent((double) pair[2] / images));
        }
        if (pairs.isEmpty()) {
            page.text("There were no mistakes.");
        } else {
            page.table(mistakes);
        }
    }

    private void iou(HtmlPage page, List<List<String>> scores) {
        if (scores.isEmpty()) {
            return;
        }
        page.section("Intersection over union in the best state");
        Table table = Table.of("Classes", "class", "IoU", "pixels", "predicted so", "right");
        for (List<String> of : scores) {
            double iou = of.get(1).isEmpty() ? Double.NaN : Double.parseDouble(of.get(1));
            table.row(
                    of.get(0),
                    percent(iou),
                    Long.parseLong(of.get(3)),
                    Long.parseLong(of.get(4)),
                    Long.parseLong(of.get(2)));
        }
        page.table(table);
    }

    /** The file as it is, with its names as headings. */
    private void outputs(HtmlPage page, Optional<Table> scores) {
        if (scores.isPresent()) {
            page.section("Outputs in the best state").table(scores.get());
        }
    }

    private static Map<String, Object> matrix(List<String> names, int[][] confusion) {
        int classes = confusion.length;
        List<int[]> cells = new ArrayList<>();
        int most = 1;
        for (int label = 0; label < classes; label++) {
            for (int predicted = 0; predicted < classes; predicted++) {
                // The first class on top: the vertical axis runs upwards.
                cells.add(new int[] {predicted, classes - 1 - label, confusion[label][predicted]});
                most = Math.max(most, confusion[label][predicted]);
            }
        }
        return object(
                "grid",
                object("left", 12, "right", 16, "top", 8, "bottom", 76, "containLabel", true),
                "tooltip",
                object("trigger", "item"),
                "xAxis",
                object(
                        "type",
                        "category",
                        "data",
                        names,
                        "axisLabel",
                        object("rotate", 45, "interval", 0)),
                "yAxis",
                object(
                        "type",
                        "category",
                        "data",
                        names.reversed(),
                        "axisLabel",
                        object("interval", 0)),
                "visualMap",
                object(
                        "min",
                        0,
                        "max",
                        most,
                        "orient",
                        "horizontal",
                        "left",
                        "center",
                        "bottom",
                        0,
                        "itemHeight",
                        160),
                "series",
                List.of(
                        object(
                                "type",
                                "heatmap",
                                "data",
                                cells,
                                "label",
                                object("show", classes <= 20))));
    }
}

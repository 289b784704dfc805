package org.densenet4j.train;

import static org.densenet4j.report.Json.object;

import org.densenet4j.report.HtmlPage;
import org.densenet4j.report.Table;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** A run on one HTML page: curves, the confusion matrix, the settings. */
final class RunSummary {
    /** A share that was rounded to all of the time still has a ratio to the rest. */
    private static final double MOST_WAIT = 0.9999;

    /** Matrices of more classes are shown as their most frequent mistakes only. */
    private static final int MOST_CLASSES = 50;

    private static final String NONE = "–";

    private static final int MOST_MISTAKES = 20;

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
            List<String> classNames)
            throws IOException {
        RunSummary summary = new RunSummary(folder);
        Metrics epochs = folder.metrics();
        HtmlPage page = HtmlPage.titled("Training run").subtitle(subtitle);
        if (epochs.size() > 0) {
            summary.keyFigures(page, epochs);
            summary.curves(page, epochs);
        }
        summary.confusion(page, classNames, folder.confusion());
        summary.iou(page, folder.iou());
        Table table = Table.of("Settings", "key", "value");
        settings.forEach(table::row);
        page.section("Settings").table(table);
        page.write(summary.folder.file(RunFolder.SUMMARY));
    }

    private void keyFigures(HtmlPage page, Metrics epochs) {
        boolean ofPixels = epochs.has(EpochResult.MEAN_IOU);
        double[] score = epochs.column(ofPixels ? EpochResult.MEAN_IOU : "test_accuracy");
        int best = 0;
        // Epochs have the same number of images: seconds of one image, added up over epochs.
        double steps = 0;
        double wait = 0;
        int trained = 0; // an epoch whose training is of an earlier process was only tested
        double seconds = 0;
        for (int e = 0; e < score.length; e++) {
            best = score[e] > score[best] || Double.isNaN(score[best]) ? e : best;
            double rate = epochs.column("images_per_second")[e];
            if (rate > 0) {
                double share = Math.min(epochs.column("input_wait")[e], MOST_WAIT);
                trained++;
                steps += 1 / rate;
                wait += share / (1 - share) / rate;
            }
            seconds += epochs.column("seconds")[e];
        }
        page.keyFigure(ofPixels ? "best mean IoU" : "best test accuracy", percent(score[best]));
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
        page.section("Loss and accuracy");
        page.chart("Loss of each epoch", lines(epochs, "number", "train_loss", "test_loss"));
        page.chart(
                "Accuracy of each epoch",
                lines(epochs, "percent", "train_accuracy", "test_accuracy"));
        boolean ofPixels = epochs.has(EpochResult.MEAN_IOU);
        if (ofPixels) {
            List<String> scores =
                    epochs.columns().stream()
                            .filter(name -> name.startsWith(EpochResult.IOU_OF))
                            .toList();
            page.chart("Mean IoU of each epoch", lines(epochs, "percent", EpochResult.MEAN_IOU));
            page.chart(
                    "IoU of each class", lines(epochs, "percent", scores.toArray(String[]::new)));
        }
        Table table =
                Table.of(
                        "All epochs",
                        "epoch",
                        "train loss",
                        "train accuracy",
                        "test loss",
                        "test accuracy",
                        ofPixels ? "mean IoU" : "in the top 5",
                        "images/s",
                        "input wait");
        for (int e = 0; e < epochs.size(); e++) {
            table.row(
                    (int) epochs.column("epoch")[e],
                    number(epochs.column("train_loss")[e]),
                    percent(epochs.column("train_accuracy")[e]),
                    number(epochs.column("test_loss")[e]),
                    percent(epochs.column("test_accuracy")[e]),
                    percent(epochs.column(ofPixels ? EpochResult.MEAN_IOU : "test_top5")[e]),
                    String.format(Locale.ROOT, "%.1f", epochs.column("images_per_second")[e]),
                    percent(epochs.column("input_wait")[e]));
        }
        page.foldedTable(table);
        page.section("Learning rate");
        page.chart(
                "Learning rate at the end of each epoch",
                lines(epochs, "number", "learning_rate"),
                220);
    }

    private static String number(double value) {
        return Double.isFinite(value) ? String.format(Locale.ROOT, "%.4f", value) : NONE;
    }

    /** A column of the metrics in a legend. */
    private static String shown(String column) {
        if (column.equals(EpochResult.MEAN_IOU)) {
            return "mean IoU";
        }
        return column.startsWith(EpochResult.IOU_OF)
                ? column.substring(EpochResult.IOU_OF.length())
                : column.replace('_', ' ');
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
                object(
                        "type",
                        "value",
                        "scale",
                        true,
                        "axisLabel",
                        object("formatter", "format:" + format)),
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

package org.densenet4j.insight;

import org.densenet4j.io.Csv;
import org.densenet4j.io.OutputFolder;
import org.densenet4j.report.Figure;
import org.densenet4j.report.Json;
import org.densenet4j.report.Table;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

/** A prune report as a table, CSV, JSON and a figure. */
public final class PruneReportFiles {
    /** Names the members of the JSON file; changes when they do. */
    private static final String SCHEMA = "densenet4j-prune-report-1";

    private static final String SHARES = "prune-report.csv";
    private static final String CONNECTIONS = "prune-connections.csv";
    private static final String JSON = "prune-report.json";
    private static final String PNG = "prune-report.png";

    /** Names of the files that {@link #write} writes. */
    public static final List<String> FILES = List.of(SHARES, CONNECTIONS, JSON, PNG);

    private static final int FIGURE_WIDTH = 760;
    private static final int FIGURE_HEIGHT = 420;

    private final PruneReport report;

    /**
     * Prepares the files of a report.
     *
     * @param report what is written
     */
    public PruneReportFiles(PruneReport report) {
        Objects.requireNonNull(report, "report");
        this.report = report;
    }

    /** {@return loss and accuracy of each share} */
    public Table table() {
        Table table =
                Table.of(
                        "Masked connections",
                        "masked",
                        "connections",
                        "weights",
                        "of all",
                        "loss",
                        "accuracy",
                        "change");
        PruneReport.Row whole = report.rows().getFirst();
        for (PruneReport.Row row : report.rows()) {
            table.row(
                    percent("%.0f %%", row.share()),
                    row.masked(),
                    String.format(Locale.ROOT, "%,d", row.maskedWeights()),
                    percent("%.1f %%", (double) row.maskedWeights() / row.allWeights()),
                    String.format(Locale.ROOT, "%.4f", row.loss()),
                    percent("%.2f %%", row.accuracy()),
                    row == whole ? "" : percent("%+.2f", row.accuracy() - whole.accuracy()));
        }
        return table;
    }

    /**
     * {@return the first {@code count} connections that would go}
     *
     * @param count most rows
     */
    public Table weakest(int count) {
        Table table =
                Table.of(
                        "Weakest connections",
                        "rank",
                        "block",
                        "source",
                        "target",
                        "weights",
                        "mean |w|",
                        "of the target's largest");
        List<Connection> connections = report.connections();
        for (int i = 0; i < Math.min(count, connections.size()); i++) {
            Connection c = connections.get(i);
            table.row(
                    i + 1,
                    c.block(),
                    c.sourceName(),
                    c.targetName(),
                    c.weights(),
                    String.format(Locale.ROOT, "%.5f", c.meanAbsolute()),
                    percent("%.0f %%", c.shareOfTarget()));
        }
        return table;
    }

    private static String percent(String format, double share) {
        return String.format(Locale.ROOT, format, 100 * share);
    }

    /**
     * Writes {@code prune-report.csv} (a line for each share), {@code prune-connections.csv} (a
     * line for each connection, weakest first), {@code prune-report.json} (both) and {@code
     * prune-report.png} to a folder, which is made when it is not there.
     *
     * @param folder is made if it is not there
     * @return the files
     * @throws IOException in one line with the path
     */
    public List<Path> write(Path folder) throws IOException {
        Objects.requireNonNull(folder, "folder");
        OutputFolder out = OutputFolder.make(folder);
        return List.of(
                out.write(SHARES, sharesCsv()),
                out.write(CONNECTIONS, connectionsCsv()),
                out.write(JSON, json()),
                figure().write(out, PNG, FIGURE_WIDTH, FIGURE_HEIGHT));
    }

    private Figure figure() {
        double[] masked = new double[report.rows().size()];
        double[] accuracy = new double[masked.length];
        for (int i = 0; i < masked.length; i++) {
            masked[i] = 100 * report.rows().get(i).share();
            accuracy[i] = 100 * report.rows().get(i).accuracy();
        }
        return Figure.lines(
                "Accuracy without the weakest connections",
                "connections masked, %",
                "accuracy, %",
                List.of(new Figure.Series("without training again", masked, accuracy)));
    }

    private String sharesCsv() {
        Csv csv =
                Csv.of(
                        "share",
                        "connections",
                        "weights",
                        "weights_share",
                        "loss",
                        "accuracy",
                        "images");
        for (PruneReport.Row row : report.rows()) {
            csv.row(
                    Csv.decimals(4, row.share()),
                    row.masked(),
                    row.maskedWeights(),
                    Csv.decimals(6, (double) row.maskedWeights() / row.allWeights()),
                    Csv.decimals(6, row.loss()),
                    Csv.decimals(6, row.accuracy()),
                    row.images());
        }
        return csv.toString();
    }

    private String connectionsCsv() {
        Csv csv =
                Csv.of(
                        "rank",
                        "block",
                        "source",
                        "target",
                        "target_name",
                        "weight_name",
                        "first_channel",
                        "channels",
                        "weights",
                        "mean_absolute_weight",
                        "share_of_target");
        int rank = 1;
        for (Connection c : report.connections()) {
            csv.row(
                    rank++,
                    c.block(),
                    c.source(),
                    c.target(),
                    c.targetName(),
                    c.weightName(),
                    c.firstChannel(),
                    c.channels(),
                    c.weights(),
                    Csv.significant(9, c.meanAbsolute()),
                    Csv.decimals(6, c.shareOfTarget()));
        }
        return csv.toString();
    }

    private String json() {
        List<Object> rows = new ArrayList<>();
        for (PruneReport.Row row : report.rows()) {
            rows.add(
                    Json.object(
                            "share", row.share(),
                            "connections", row.masked(),
                            "weights", row.maskedWeights(),
                            "allWeights", row.allWeights(),
                            "loss", row.loss(),
                            "accuracy", row.accuracy(),
                            "correct", row.correct(),
                            "images", row.images()));
        }
        List<Object> connections = new ArrayList<>();
        for (Connection c : report.connections()) {
            connections.add(
                    Json.object(
                            "block", c.block(),
                            "source", c.source(),
                            "target", c.target(),
                            "targetName", c.targetName(),
                            "weightName", c.weightName(),
                            "firstChannel", c.firstChannel(),
                            "channels", c.channels(),
                            "weights", c.weights(),
                            "meanAbsoluteWeight", c.meanAbsolute(),
                            "shareOfTarget", c.shareOfTarget()));
        }
        return Json.pretty(
                Json.object(
                        "schema", SCHEMA,
                        "ranking", report.ranking(),
                        "shares", rows,
                        "connectionsWeakestFirst", connections));
    }
}

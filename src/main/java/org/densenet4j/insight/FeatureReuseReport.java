package org.densenet4j.insight;

import org.densenet4j.io.Csv;
import org.densenet4j.io.OutputFolder;
import org.densenet4j.report.Figure;
import org.densenet4j.report.HtmlPage;
import org.densenet4j.report.Json;
import org.densenet4j.report.Table;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/** Feature reuse as heat maps, a page, a table and CSV. */
public final class FeatureReuseReport {
    private static final String CSV = "feature-reuse.csv";
    private static final String HTML = "feature-reuse.html";
    private static final int CELL = 24;
    private static final int LEAST_MAP = 280;
    private static final int PNG_MARGIN_X = 190;
    private static final int PNG_MARGIN_Y = 130;
    private static final int PAGE_MARGIN = 110;

    private final FeatureReuse reuse;
    private final Scale scale;

    /**
     * @param scale what colours are relative to
     */
    public FeatureReuseReport(FeatureReuse reuse, Scale scale) {
        Objects.requireNonNull(reuse, "reuse");
        Objects.requireNonNull(scale, "scale");
        this.reuse = reuse;
        this.scale = scale;
    }

    /**
     * Writes {@code feature-reuse.csv}, {@code feature-reuse.html} and a {@code
     * feature-reuse-block1.png} for each block to a folder, which is made when it is not there.
     *
     * @return the files
     * @throws IOException in one line with the path
     */
    public List<Path> write(Path folder) throws IOException {
        Objects.requireNonNull(folder, "folder");
        OutputFolder out = OutputFolder.make(folder);
        List<Path> files = new ArrayList<>();
        for (BlockReuse block : reuse.blocks()) {
            int map = mapSize(block);
            files.add(figure(block).write(out, png(block), map + PNG_MARGIN_X, map + PNG_MARGIN_Y));
        }
        files.add(out.write(CSV, csv()));
        HtmlPage page = HtmlPage.titled("Feature reuse").subtitle(reuse.spec().toString());
        addTo(page);
        files.add(page.write(out, HTML));
        return files;
    }

    /** Names of the files that {@link #write} writes. */
    public List<String> files() {
        List<String> files = new ArrayList<>(reuse.blocks().stream().map(b -> png(b)).toList());
        files.addAll(List.of(CSV, HTML));
        return files;
    }

    private static String png(BlockReuse block) {
        return "feature-reuse-block" + block.block() + ".png";
    }

    private static int mapSize(BlockReuse block) {
        return Math.max(LEAST_MAP, CELL * (block.layers() + 1));
    }

    // ---------------------------------------------------------------- heat maps

    private Figure figure(BlockReuse block) {
        int size = block.layers() + 1;
        double[][] values = new double[size][size];
        for (double[] row : values) {
            Arrays.fill(row, Double.NaN);
        }
        for (Connection c : block.connections()) {
            values[c.source()][c.target() - 1] = scale.of(c, block);
        }
        return Figure.heatMap(
                "Feature reuse, dense block " + block.block(),
                targetAxis(block),
                "source: in = block's input, or layer",
                targets(block),
                sources(block),
                values,
                0,
                1);
    }

    private static String targetAxis(BlockReuse block) {
        return "target: layer, or " + shortName(block) + " = " + block.behind();
    }

    /** Rows and columns are narrow: numbers, and one letter for what is not a layer. */
    private static List<String> targets(BlockReuse block) {
        List<String> names = new ArrayList<>();
        for (int target = 1; target <= block.layers(); target++) {
            names.add(String.valueOf(target));
        }
        names.add(shortName(block));
        return names;
    }

    private static String shortName(BlockReuse block) {
        return block.behind().startsWith("transition") ? "T" : "C";
    }

    private static List<String> sources(BlockReuse block) {
        List<String> names = new ArrayList<>(List.of("in"));
        for (int source = 1; source <= block.layers(); source++) {
            names.add(String.valueOf(source));
        }
        return names;
    }

    // ---------------------------------------------------------------- page

    /** Adds a section with a heat map for each block and the numbers behind them. */
    public void addTo(HtmlPage page) {
        Objects.requireNonNull(page, "page");
        page.section("Feature reuse");
        page.text(
                "How strongly each layer reads the features of each earlier one: the mean absolute"
                        + " weight of every connection, "
                        + (scale == Scale.BLOCK
                                ? "relative to the largest of its block"
                                : "relative to the largest of its target")
                        + " (Huang et al. 2017, figure 5).");
        for (BlockReuse block : reuse.blocks()) {
            page.chart("Dense block " + block.block(), option(block), mapSize(block) + PAGE_MARGIN);
        }
        page.foldedTable(connectionTable());
    }

    private Map<String, Object> option(BlockReuse block) {
        List<Object> cells = new ArrayList<>();
        for (Connection c : block.connections()) {
            String name =
                    String.format(
                            Locale.ROOT,
                            "%s → %s\nmean |w| %.5f\n%.0f %% of the block's largest\n%.0f %% of the"
                                    + " target's largest",
                            block.sourceName(c.source()),
                            block.targetName(c.target()),
                            c.meanAbsolute(),
                            100 * Scale.BLOCK.of(c, block),
                            100 * c.shareOfTarget());
            double value = Math.round(1e4 * scale.of(c, block)) / 1e4;
            cells.add(
                    Json.object("name", name, "value", List.of(c.target() - 1, c.source(), value)));
        }
        return Json.object(
                "tooltip", Json.object("formatter", "format:name"),
                "grid", Json.object("left", 56, "right", 92, "top", 12, "bottom", 56),
                "xAxis", axis(targetAxis(block), targets(block), 30, false),
                "yAxis", axis("source", sources(block), 38, true),
                "visualMap",
                        Json.object(
                                "min", 0,
                                "max", 1,
                                "precision", 1,
                                "calculable", true,
                                "orient", "vertical",
                                "right", 0,
                                "top", "middle"),
                "series", List.of(Json.object("type", "heatmap", "data", cells)));
    }

    private static Map<String, Object> axis(
            String name, List<String> labels, int gap, boolean inverse) {
        return Json.object(
                "type", "category",
                "name", name,
                "nameLocation", "middle",
                "nameGap", gap,
                "inverse", inverse,
                "data", labels);
    }

    // ---------------------------------------------------------------- numbers

    private Table connectionTable() {
        Table table =
                Table.of(
                        "Connections",
                        "block",
                        "source",
                        "target",
                        "channels",
                        "weights",
                        "mean |w|",
                        "of the target's largest");
        for (BlockReuse block : reuse.blocks()) {
            for (Connection c : block.connections()) {
                table.row(
                        block.block(),
                        block.sourceName(c.source()),
                        block.targetName(c.target()),
                        c.channels(),
                        c.weights(),
                        String.format(Locale.ROOT, "%.5f", c.meanAbsolute()),
                        String.format(Locale.ROOT, "%.0f %%", 100 * c.shareOfTarget()));
            }
        }
        return table;
    }

    /** One line for each block: what its layers read most and least. */
    public Table summary() {
        Table table =
                Table.of(
                        "Feature reuse",
                        "block",
                        "connections",
                        "mean |w| of its input",
                        "of the layer before",
                        "strongest",
                        "weakest");
        for (BlockReuse block : reuse.blocks()) {
            table.row(
                    block.block(),
                    block.connections().size(),
                    mean(block, true),
                    mean(block, false),
                    extreme(block, true),
                    extreme(block, false));
        }
        return table;
    }

    /** Over the block's layers: of what they read from the input, or from the layer before. */
    private static String mean(BlockReuse block, boolean input) {
        double sum = 0;
        int count = 0;
        for (Connection c : block.connections()) {
            if (c.target() <= block.layers()
                    && (input ? c.source() == 0 : c.source() > 0 && c.source() == c.target() - 1)) {
                sum += c.meanAbsolute();
                count++;
            }
        }
        return count == 0 ? "–" : String.format(Locale.ROOT, "%.5f", sum / count);
    }

    private static String extreme(BlockReuse block, boolean strongest) {
        Connection found = block.connections().getFirst();
        for (Connection c : block.connections()) {
            if (strongest
                    ? c.meanAbsolute() > found.meanAbsolute()
                    : c.meanAbsolute() < found.meanAbsolute()) {
                found = c;
            }
        }
        return String.format(
                Locale.ROOT,
                "%s → %s (%.5f)",
                block.sourceName(found.source()),
                block.targetName(found.target()),
                found.meanAbsolute());
    }

    /** All connections, with a header line. */
    public String csv() {
        Csv csv =
                Csv.of(
                        "block",
                        "source",
                        "target",
                        "source_name",
                        "target_name",
                        "first_channel",
                        "channels",
                        "weights",
                        "mean_absolute_weight",
                        "share_of_block",
                        "share_of_target");
        for (BlockReuse block : reuse.blocks()) {
            for (Connection c : block.connections()) {
                csv.row(
                        c.block(),
                        c.source(),
                        c.target(),
                        block.sourceName(c.source()),
                        block.targetName(c.target()),
                        c.firstChannel(),
                        c.channels(),
                        c.weights(),
                        Csv.significant(9, c.meanAbsolute()),
                        Csv.decimals(6, Scale.BLOCK.of(c, block)),
                        Csv.decimals(6, c.shareOfTarget()));
            }
        }
        return csv.toString();
    }
}

package org.densenet4j.insight;

import org.densenet4j.io.Csv;
import org.densenet4j.io.OutputFolder;
import org.densenet4j.report.Figure;
import org.densenet4j.report.HtmlPage;
import org.densenet4j.report.Json;
import org.densenet4j.report.Table;
import org.densenet4j.spec.DenseNetSpec;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.StringJoiner;
import java.util.function.Function;

/** Feature reuse as heat maps, a page, a table and CSV. */
public final class FeatureReuseReport {
    private static final String CSV = "feature-reuse.csv";
    private static final String HTML = "feature-reuse.html";
    private static final int CELL = 24;
    private static final int LEAST_MAP = 280;
    private static final int PNG_MARGIN_X = 190;
    private static final int PNG_MARGIN_Y = 130;
    private static final int PAGE_MARGIN = 110;
    private static final int PIXELS_OF_LETTER = 7;

    private final FeatureReuse reuse;
    private final Scale scale;
    private final boolean denseNet;

    /**
     * A report, which {@link #write} and {@link #addTo} make.
     *
     * @param reuse what is shown
     * @param scale what colours are relative to
     */
    public FeatureReuseReport(FeatureReuse reuse, Scale scale) {
        Objects.requireNonNull(reuse, "reuse");
        Objects.requireNonNull(scale, "scale");
        this.reuse = reuse;
        this.scale = scale;
        this.denseNet = reuse.spec() instanceof DenseNetSpec;
    }

    /**
     * Writes {@code feature-reuse.csv}, {@code feature-reuse.html} and a {@code
     * feature-reuse-block1.png} for each block to a folder, which is made when it is not there.
     *
     * @param folder is made if it is not there
     * @return the files
     * @throws IOException in one line with the path
     */
    public List<Path> write(Path folder) throws IOException {
        Objects.requireNonNull(folder, "folder");
        OutputFolder out = OutputFolder.make(folder);
        List<Path> files = new ArrayList<>();
        for (BlockReuse block : reuse.blocks()) {
            int map = mapSize(block);
            int width = map + PNG_MARGIN_X + labelWidth(block);
            files.add(figure(block).write(out, png(block), width, map + PNG_MARGIN_Y));
        }
        files.add(out.write(CSV, csv()));
        HtmlPage page = HtmlPage.titled("Feature reuse").subtitle(reuse.spec().toString());
        addTo(page);
        files.add(page.write(out, HTML));
        return files;
    }

    /** {@return names of the files that {@link #write} writes} */
    public List<String> files() {
        List<String> files = new ArrayList<>(reuse.blocks().stream().map(b -> png(b)).toList());
        files.addAll(List.of(CSV, HTML));
        return files;
    }

    private static String png(BlockReuse block) {
        return "feature-reuse-block" + block.block() + ".png";
    }

    private static int mapSize(BlockReuse block) {
        return Math.max(LEAST_MAP, CELL * block.sources().size());
    }

    // ---------------------------------------------------------------- heat maps

    private Figure figure(BlockReuse block) {
        double[][] values = new double[block.sources().size()][block.targets().size()];
        for (double[] row : values) {
            Arrays.fill(row, Double.NaN);
        }
        for (Connection c : strongest(block)) {
            values[c.source()][c.target() - 1] = scale.of(c, block);
        }
        String name = denseNet ? "dense block " + block.block() : block.name();
        return Figure.heatMap(
                "Feature reuse, " + name,
                targetAxis(block),
                denseNet ? "source: in = block's input, or layer" : "source",
                labels(block.targets(), BlockReuse.Target::label),
                labels(block.sources(), BlockReuse.Source::label),
                values,
                0,
                1);
    }

    /** A source that a target reads in several places has one cell: the strongest. */
    private static Collection<Connection> strongest(BlockReuse block) {
        Map<List<Integer>, Connection> cells = new LinkedHashMap<>();
        for (Connection c : block.connections()) {
            cells.merge(
                    List.of(c.source(), c.target()),
                    c,
                    (a, b) -> a.meanAbsolute() >= b.meanAbsolute() ? a : b);
        }
        return cells.values();
    }

    private String targetAxis(BlockReuse block) {
        StringJoiner axis = new StringJoiner(", ");
        axis.add(denseNet ? "target: layer" : "target: by its number");
        for (BlockReuse.Target t : block.targets()) {
            if (!t.isLayer()) {
                axis.add((denseNet ? "or " : "") + t.label() + " = " + t.name());
            }
        }
        return axis.toString();
    }

    private static <T> List<String> labels(List<T> of, Function<T, String> label) {
        return of.stream().map(label).toList();
    }

    /** Pixels that labels of rows need beyond those of two digits. */
    private static int labelWidth(BlockReuse block) {
        int longest =
                block.sources().stream().mapToInt(s -> s.label().length()).max().orElseThrow();
        return PIXELS_OF_LETTER * Math.max(0, longest - 3);
    }

    // ---------------------------------------------------------------- page

    /**
     * Adds a section with a heat map for each block and the numbers behind them.
     *
     * @param page gets the sections
     */
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
            page.chart(block.name(), option(block), mapSize(block) + PAGE_MARGIN);
        }
        page.foldedTable(connectionTable());
    }

    private Map<String, Object> option(BlockReuse block) {
        List<Object> cells = new ArrayList<>();
        for (Connection c : strongest(block)) {
            String name =
                    String.format(
                            Locale.ROOT,
                            "%s → %s\nmean |w| %.5f\n%.0f %% of the block's largest\n%.0f %% of the"
                                    + " target's largest",
                            c.sourceName(),
                            c.targetName(),
                            c.meanAbsolute(),
                            100 * Scale.BLOCK.of(c, block),
                            100 * c.shareOfTarget());
            double value = Math.round(1e4 * scale.of(c, block)) / 1e4;
            cells.add(
                    Json.object("name", name, "value", List.of(c.target() - 1, c.source(), value)));
        }
        return Json.object(
                "tooltip", Json.object("formatter", "format:name"),
                "grid",
                        Json.object(
                                "left",
                                56 + labelWidth(block),
                                "right",
                                92,
                                "top",
                                12,
                                "bottom",
                                56),
                "xAxis",
                        axis(
                                targetAxis(block),
                                labels(block.targets(), BlockReuse.Target::label),
                                30,
                                false),
                "yAxis",
                        axis(
                                "source",
                                labels(block.sources(), BlockReuse.Source::label),
                                38 + labelWidth(block),
                                true),
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
                        c.sourceName(),
                        c.targetName(),
                        c.channels(),
                        c.weights(),
                        String.format(Locale.ROOT, "%.5f", c.meanAbsolute()),
                        String.format(Locale.ROOT, "%.0f %%", 100 * c.shareOfTarget()));
            }
        }
        return table;
    }

    /** {@return one line for each block: what its layers read most and least} */
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

    /** Over the block's layers: of what they read from source 0, or from the layer before. */
    private static String mean(BlockReuse block, boolean input) {
        int[] wanted = input ? new int[block.targets().size()] : layersBefore(block);
        double sum = 0;
        int count = 0;
        for (Connection c : block.connections()) {
            boolean layer = block.targets().get(c.target() - 1).isLayer();
            if (layer && c.source() == wanted[c.target() - 1]) {
                sum += c.meanAbsolute();
                count++;
            }
        }
        return count == 0 ? "–" : String.format(Locale.ROOT, "%.5f", sum / count);
    }

    /** For each target the source that is the layer before it, -1 where there is none. */
    private static int[] layersBefore(BlockReuse block) {
        int[] before = new int[block.targets().size()];
        int last = -1;
        for (int t = 0; t < before.length; t++) {
            BlockReuse.Target target = block.targets().get(t);
            before[t] = last;
            last = target.isLayer() ? target.source() : last;
        }
        return before;
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
                found.sourceName(),
                found.targetName(),
                found.meanAbsolute());
    }

    /** {@return all connections, with a header line} */
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
                        c.sourceName(),
                        c.targetName(),
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

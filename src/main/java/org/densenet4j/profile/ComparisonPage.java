package org.densenet4j.profile;

import static org.densenet4j.report.Json.object;

import org.densenet4j.plan.Bytes;
import org.densenet4j.plan.Category;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.report.HtmlPage;
import org.densenet4j.report.Table;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/** A comparison as an HTML page. */
final class ComparisonPage {
    private static final int SMALL = 280;

    private final Comparison comparison;
    private final HtmlPage page;

    private ComparisonPage(Comparison comparison) {
        this.comparison = comparison;
        this.page = HtmlPage.titled("Memory strategies on " + comparison.spec().name());
    }

    static HtmlPage of(Comparison comparison) {
        return new ComparisonPage(comparison).build();
    }

    private HtmlPage build() {
        page.subtitle(
                comparison.spec() + ", batch " + comparison.batch() + "; " + comparison.device());
        keyFigures();
        sideBySide();
        if (!comparison.beside().isEmpty()) {
            networks();
        }
        comparison.sweeps().forEach(this::sweep);
        if (PublishedFigure.isComparable(comparison)) {
            published();
        }
        return page;
    }

    private void keyFigures() {
        Optional<StrategyRun> naive = comparison.run(MemoryStrategy.NAIVE);
        for (MemoryStrategy s : List.of(MemoryStrategy.SHARED, MemoryStrategy.RECOMPUTE)) {
            Optional<StrategyRun> ours = comparison.run(s);
            if (naive.isEmpty() || ours.isEmpty()) {
                continue;
            }
            double memory = (double) naive.get().predictedBytes() / ours.get().predictedBytes();
            page.keyFigure(
                    s + ": memory of NAIVE divided by", String.format(Locale.ROOT, "%.1f", memory));
            Measurement slow = naive.get().measured();
            Measurement fast = ours.get().measured();
            if (slow != null && fast != null) {
                double speed = slow.stepTime().median() / fast.stepTime().median();
                page.keyFigure(
                        s + ": speed of NAIVE times", String.format(Locale.ROOT, "%.2f", speed));
            }
        }
    }

    // ---------------------------------------------------------------- strategies

    private void sideBySide() {
        page.section("Side by side");
        page.text(
                "The same network, data and seed under each strategy, each in a fresh process."
                        + " Predicted is the plan's peak, allocated the arena, resident the growth"
                        + " of the whole process with generated code and libraries.");
        for (StrategyRun r : comparison.runs()) {
            if (r.notRun() != null) {
                page.warning(r.strategy() + " did not run: " + r.notRun());
            }
        }
        page.table(ComparisonTables.strategies(comparison));
        List<String> names = comparison.runs().stream().map(r -> r.strategy().name()).toList();
        List<Object> stacked = new ArrayList<>();
        for (Category c : Category.values()) {
            long[] bytes =
                    comparison.runs().stream().mapToLong(r -> r.bytesAtPeak().get(c)).toArray();
            Map<String, Object> bar = Charts.bar(Units.name(c), bytes);
            bar.put("stack", "peak");
            bar.put("itemStyle", Charts.colour(c));
            stacked.add(bar);
        }
        page.chart("Memory at the peak by category", bars(names, stacked, "format:bytes"));
        page.foldedTable(ComparisonTables.categories(comparison));
        page.chart(
                "Predicted, allocated and resident memory",
                bars(
                        names,
                        List.of(
                                Charts.bar("predicted", values(r -> (double) r.predictedBytes())),
                                Charts.bar("allocated", measured(m -> (double) m.allocatedBytes())),
                                Charts.bar("resident", measured(m -> (double) m.residentBytes()))),
                        "format:bytes"),
                SMALL);
        if (ran(comparison.runs())) {
            page.chart(
                    "Time of a step: median, shortest and longest",
                    bars(
                            names,
                            List.of(
                                    Charts.bar("shortest", measured(m -> m.stepTime().min())),
                                    Charts.bar("median", measured(m -> m.stepTime().median())),
                                    Charts.bar("longest", measured(m -> m.stepTime().max()))),
                            "format:seconds"),
                    SMALL);
        }
        page.chart(
                "Largest batch in " + Bytes.format(comparison.budgetBytes()),
                bars(
                        names,
                        List.of(Charts.bar("images", values(r -> (double) r.largestBatch()))),
                        "format:number"),
                SMALL);
        if (!comparison.agreements().isEmpty()) {
            page.section("The strategies compute the same");
            page.text(
                    "Losses of all steps, and the gradients of the first, whose parameters are the"
                            + " same; norms of differences relative to the norms of the"
                            + " gradients. Single-precision sums are taken in different orders,"
                            + " and where that moves a ReLU's input across zero, the gradients"
                            + " below change by what this one element contributes: as much as in"
                            + " any framework, and less the larger the batch.");
            page.table(ComparisonTables.agreement(comparison));
        }
    }

    private double[] values(Function<StrategyRun, Double> value) {
        return comparison.runs().stream().mapToDouble(value::apply).toArray();
    }

    private double[] measured(Function<Measurement, Double> value) {
        return values(r -> r.measured() == null ? Double.NaN : value.apply(r.measured()));
    }

    private static Map<String, Object> bars(
            List<String> names, List<Object> series, String format) {
        return object(
                "legend",
                Charts.legend(),
                "grid",
                Charts.grid(),
                "tooltip",
                Charts.axisTooltip(format),
                "xAxis",
                Charts.categoryAxis(names),
                "yAxis",
                Charts.verticalAxis(format),
                "series",
                series);
    }

    // ---------------------------------------------------------------- other networks

    private void networks() {
        page.section("Beside other networks");
        page.text(
                "Each network under the same strategies, on batches of the same size; beside the"
                        + " errors that others have published of the presets as they are. Activations"
                        + " are all that a step needs beside parameters, their gradients and their"
                        + " velocities.");
        for (ComparedNetwork n : comparison.beside()) {
            for (StrategyRun r : n.runs()) {
                if (r.notRun() != null) {
                    page.warning(
                            n.spec().name() + ", " + r.strategy() + " did not run: " + r.notRun());
                }
            }
        }
        page.table(NetworkTables.sizes(comparison));
        page.table(NetworkTables.steps(comparison));
        page.chart(
                "Memory of activations (planned)",
                besides(r -> (double) r.activationBytes(), "format:bytes"),
                SMALL);
        if (comparison.networks().stream().anyMatch(n -> ran(n.runs()))) {
            page.chart(
                    "Images per second",
                    besides(
                            r ->
                                    r.measured() == null
                                            ? Double.NaN
                                            : r.imagesPerSecond(comparison.batch()),
                            "format:number"),
                    SMALL);
        }
    }

    private static boolean ran(List<StrategyRun> runs) {
        return runs.stream().anyMatch(run -> run.measured() != null);
    }

    private Map<String, Object> besides(Function<StrategyRun, Double> value, String format) {
        List<Object> series = new ArrayList<>();
        for (ComparedNetwork n : comparison.networks()) {
            double[] values = n.runs().stream().mapToDouble(value::apply).toArray();
            series.add(Charts.bar(n.spec().name(), values));
        }
        return bars(
                comparison.runs().stream().map(r -> r.strategy().name()).toList(), series, format);
    }

    // ---------------------------------------------------------------- sweeps

    private void sweep(Sweep s) {
        page.section("By " + s.variable().unit());
        page.text(s.fixed() + ".");
        page.chart(
                "Memory of a training step (the plan's peak)",
                lines(s, p -> (double) p.predictedBytes(), "format:bytes"));
        page.chart(
                "Median time of a training step",
                lines(
                        s,
                        p -> p.measured() == null ? Double.NaN : p.measured().stepTime().median(),
                        "format:seconds"));
        Table fits = ComparisonTables.fits(s);
        if (fits.size() > 0) {
            page.table(fits);
        } else {
            page.text(ComparisonTables.TOO_FEW_POINTS);
        }
        page.foldedTable(ComparisonTables.sweep(s));
    }

    private static Map<String, Object> lines(
            Sweep s, Function<Sweep.Point, Double> value, String format) {
        List<Object> series = new ArrayList<>();
        for (MemoryStrategy strategy : MemoryStrategy.values()) {
            List<Object> points = new ArrayList<>();
            for (Sweep.Point p : s.of(strategy)) {
                double y = value.apply(p);
                if (Double.isFinite(y)) {
                    points.add(List.of(p.value(), y));
                }
            }
            series.add(Charts.line(strategy.name(), points));
        }
        Map<String, Object> grid = Charts.grid();
        grid.put("bottom", 36);
        return object(
                "legend",
                Charts.legend(),
                "grid",
                grid,
                "tooltip",
                Charts.axisTooltip(format),
                "xAxis",
                Charts.valueAxis(s.variable().unit(), "format:number"),
                "yAxis",
                Charts.verticalAxis(format),
                "series",
                series);
    }

    // ---------------------------------------------------------------- literature

    private void published() {
        page.section("Beside the literature");
        page.text(
                "What others have published about this network and batch, on their hardware: memory"
                        + " can be compared, time cannot.");
        page.table(ComparisonTables.published(comparison));
    }
}

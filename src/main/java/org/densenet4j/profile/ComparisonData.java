package org.densenet4j.profile;

import org.densenet4j.io.Csv;
import org.densenet4j.report.Json;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** A comparison as JSON and CSV; the schema is in {@code docs/profile.md}. */
final class ComparisonData {
    private static final int VERSION = 1;

    private ComparisonData() {}

    static Map<String, Object> json(Comparison c) {
        return Json.object(
                "format", "densenet4j.comparison",
                "version", VERSION,
                "network", c.spec().toString(),
                "batch", c.batch(),
                "device", c.device(),
                "budgetBytes", c.budgetBytes(),
                "strategies", c.runs().stream().map(ComparisonData::run).toList(),
                "agreement", c.agreements().stream().map(ComparisonData::agreement).toList(),
                "sweeps", c.sweeps().stream().map(ComparisonData::sweep).toList(),
                "networks",
                        c.beside().isEmpty()
                                ? List.of()
                                : c.networks().stream().map(ComparisonData::network).toList(),
                "published", PublishedFigure.ALL.stream().map(ComparisonData::published).toList());
    }

    private static Map<String, Object> run(StrategyRun r) {
        Map<String, Object> atPeak = new LinkedHashMap<>();
        r.bytesAtPeak().forEach((category, bytes) -> atPeak.put(category.name(), bytes));
        return Json.object(
                "strategy", r.strategy(),
                "predictedBytes", r.predictedBytes(),
                "activationBytes", r.activationBytes(),
                "bytesAtPeakByCategory", atPeak,
                "largestBatch", r.largestBatch(),
                "measured", measurement(r.measured()),
                "notRun", r.notRun());
    }

    private static Map<String, Object> network(ComparedNetwork n) {
        return Json.object(
                "network", n.spec().toString(),
                "name", n.spec().name(),
                "parameters", n.spec().graph().parameterCount(),
                "multiplyAdds", n.spec().graph().multiplyAdds(),
                "publishedErrorPercent", n.published().map(PublishedError::percent).orElse(null),
                "publishedData", n.published().map(PublishedError::data).orElse(null),
                "publishedSource", n.published().map(PublishedError::source).orElse(null),
                "strategies", n.runs().stream().map(ComparisonData::run).toList());
    }

    private static @Nullable Map<String, Object> measurement(@Nullable Measurement m) {
        return m == null
                ? null
                : Json.object(
                        "allocatedBytes", m.allocatedBytes(),
                        "residentBytes", m.residentBytes(),
                        "medianSeconds", m.stepTime().median(),
                        "stepSeconds", m.stepSeconds(),
                        "losses", m.losses());
    }

    private static Map<String, Object> agreement(Agreement a) {
        return Json.object(
                "strategy", a.strategy(),
                "reference", a.reference(),
                "largestRelativeLossDifference", a.lossDifference(),
                "relativeGradientDifference", a.gradientDifference(),
                "largestRelativeTensorDifference", a.tensorDifference(),
                "tensor", a.tensor());
    }

    private static Map<String, Object> sweep(Sweep s) {
        List<Map<String, Object>> points =
                s.points().stream()
                        .map(
                                p ->
                                        Json.object(
                                                "strategy", p.strategy(),
                                                "value", p.value(),
                                                "predictedBytes", p.predictedBytes(),
                                                "measured", measurement(p.measured())))
                        .toList();
        return Json.object("variable", s.variable(), "fixed", s.fixed(), "points", points);
    }

    private static Map<String, Object> published(PublishedFigure f) {
        return Json.object(
                "implementation", f.implementation(),
                "bytes", f.bytes(),
                "secondsPerStep", f.secondsPerStep(),
                "source", f.source());
    }

    static String strategiesCsv(Comparison c) {
        Csv csv =
                Csv.of(
                        "strategy",
                        "predicted_bytes",
                        "allocated_bytes",
                        "resident_bytes",
                        "median_seconds",
                        "min_seconds",
                        "max_seconds",
                        "images_per_second",
                        "largest_batch");
        for (StrategyRun r : c.runs()) {
            Measurement m = r.measured();
            List<Object> row = new ArrayList<>(List.of(r.strategy(), r.predictedBytes()));
            row.add(m == null ? "" : m.allocatedBytes());
            row.add(m == null ? "" : m.residentBytes());
            row.addAll(seconds(m));
            row.add(m == null ? "" : Csv.decimals(3, c.batch() / m.stepTime().median()));
            row.add(r.largestBatch());
            csv.row(row);
        }
        return csv.toString();
    }

    static String networksCsv(Comparison c) {
        Csv csv =
                Csv.of(
                        "network",
                        "strategy",
                        "parameters",
                        "multiply_adds",
                        "published_error_percent",
                        "planned_activation_bytes",
                        "allocated_activation_bytes",
                        "images_per_second");
        for (ComparedNetwork n : c.networks()) {
            for (StrategyRun r : n.runs()) {
                List<Object> row = new ArrayList<>(List.of(n.spec().name(), r.strategy()));
                row.add(n.spec().graph().parameterCount());
                row.add(n.spec().graph().multiplyAdds());
                row.add(n.published().map(e -> String.valueOf(e.percent())).orElse(""));
                row.add(r.activationBytes());
                row.add(r.measured() == null ? "" : r.allocatedActivationBytes());
                row.add(r.measured() == null ? "" : Csv.decimals(3, r.imagesPerSecond(c.batch())));
                csv.row(row);
            }
        }
        return csv.toString();
    }

    static String sweepCsv(Sweep s) {
        Csv csv =
                Csv.of(
                        "strategy",
                        s.variable().name().toLowerCase(Locale.ROOT),
                        "predicted_bytes",
                        "allocated_bytes",
                        "median_seconds",
                        "min_seconds",
                        "max_seconds");
        for (Sweep.Point p : s.points()) {
            Measurement m = p.measured();
            List<Object> row =
                    new ArrayList<>(List.of(p.strategy(), p.value(), p.predictedBytes()));
            row.add(m == null ? "" : m.allocatedBytes());
            row.addAll(seconds(m));
            csv.row(row);
        }
        return csv.toString();
    }

    /** Median, least and most; empty where nothing was measured. */
    private static List<String> seconds(@Nullable Measurement m) {
        return m == null
                ? List.of("", "", "")
                : List.of(
                        Csv.decimals(6, m.stepTime().median()),
                        Csv.decimals(6, m.stepTime().min()),
                        Csv.decimals(6, m.stepTime().max()));
    }
}

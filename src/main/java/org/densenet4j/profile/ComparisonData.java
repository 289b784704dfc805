package org.densenet4j.profile;

import org.densenet4j.report.Json;

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
                "published", PublishedFigure.ALL.stream().map(ComparisonData::published).toList());
    }

    private static Map<String, Object> run(StrategyRun r) {
        Map<String, Object> atPeak = new LinkedHashMap<>();
        r.bytesAtPeak().forEach((category, bytes) -> atPeak.put(category.name(), bytes));
        return Json.object(
                "strategy", r.strategy(),
                "predictedBytes", r.predictedBytes(),
                "bytesAtPeakByCategory", atPeak,
                "largestBatch", r.largestBatch(),
                "measured", measurement(r.measured()),
                "notRun", r.notRun());
    }

    private static Map<String, Object> measurement(Measurement m) {
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
        StringBuilder csv =
                new StringBuilder(
                        "strategy,predicted_bytes,allocated_bytes,resident_bytes,median_seconds,"
                                + "min_seconds,max_seconds,images_per_second,largest_batch\n");
        for (StrategyRun r : c.runs()) {
            csv.append(r.strategy()).append(',').append(r.predictedBytes()).append(',');
            csv.append(measured(r.measured())).append(',');
            if (r.measured() != null) {
                double rate = c.batch() / r.measured().stepTime().median();
                csv.append(String.format(Locale.ROOT, "%.3f", rate));
            }
            csv.append(',').append(r.largestBatch()).append('\n');
        }
        return csv.toString();
    }

    static String sweepCsv(Sweep s) {
        StringBuilder csv = new StringBuilder("strategy,");
        csv.append(s.variable().name().toLowerCase(Locale.ROOT));
        csv.append(",predicted_bytes,allocated_bytes,median_seconds,min_seconds,max_seconds\n");
        for (Sweep.Point p : s.points()) {
            csv.append(p.strategy()).append(',').append(p.value()).append(',');
            csv.append(p.predictedBytes()).append(',').append(timed(p.measured()));
            csv.append('\n');
        }
        return csv.toString();
    }

    /** Five columns, empty where nothing was measured. */
    private static String measured(Measurement m) {
        String[] columns = timed(m).split(",", 2);
        return columns[0] + "," + (m == null ? "" : m.residentBytes()) + "," + columns[1];
    }

    /** Four columns, empty where nothing was measured. */
    private static String timed(Measurement m) {
        return m == null
                ? ",,,"
                : String.format(
                        Locale.ROOT,
                        "%d,%.6f,%.6f,%.6f",
                        m.allocatedBytes(),
                        m.stepTime().median(),
                        m.stepTime().min(),
                        m.stepTime().max());
    }
}

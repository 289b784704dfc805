package org.densenet4j.profile;

import org.densenet4j.plan.Bytes;
import org.densenet4j.report.Json;
import org.densenet4j.report.Table;
import org.jspecify.annotations.Nullable;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/** A benchmark as text and as JSON; the schema is in {@code docs/benchmarks.md}. */
public final class BenchmarkReport {
    private static final int VERSION = 1;
    private static final String NONE = "–";

    private BenchmarkReport() {}

    /**
     * {@return tables for a terminal}
     *
     * @param b what was measured
     */
    public static String text(Benchmark b) {
        Objects.requireNonNull(b, "b");
        StringBuilder text = new StringBuilder();
        text.append(b.processor().isEmpty() ? "" : b.processor() + "; ").append(b.device());
        text.append('\n');
        if (!b.rows().isEmpty()) {
            text.append("at best ").append(Units.rate(b.ceilings().flopsPerSecond(), "FLOP/s"));
            text.append(" in fp32 matrix products, ");
            text.append(Units.rate(b.ceilings().bytesPerSecond(), "B/s")).append(" copying\n\n");
            text.append(rows(b).text());
            text.append("GFLOP/s counts what the result needs, nothing that is computed again;\n");
            text.append("activations: of the plan, beside parameters, gradients and velocities;\n");
            text.append("resident: growth of the process, libraries included.\n");
        }
        b.skipped().forEach(line -> text.append("skipped: ").append(line).append('\n'));
        for (Sweep s : b.sweeps()) {
            text.append("\nby ").append(s.variable().unit()).append(", ").append(s.fixed());
            text.append('\n').append(SweepTable.of(s).text()).append('\n');
            text.append("least squares over all images of a step, ").append(s.variable().fitted());
            text.append('\n').append(ComparisonTables.fitsText(s));
        }
        return text.toString();
    }

    static Table rows(Benchmark b) {
        Table table =
                Table.of(
                        "Median step of each strategy, and of inference",
                        "model",
                        "batch",
                        "precision",
                        "strategy",
                        "images/s",
                        "GFLOP/s",
                        "of fp32 peak",
                        "predicted",
                        "allocated",
                        "activations",
                        "resident");
        for (BenchmarkRow r : b.rows()) {
            table.row(
                    r.model(),
                    r.batch(),
                    r.precision(),
                    r.name(),
                    String.format(Locale.ROOT, "%.1f", r.imagesPerSecond()),
                    String.format(Locale.ROOT, "%.1f", r.flopsPerSecond() / 1e9),
                    Units.percent(r.flopsPerSecond() / b.ceilings().flopsPerSecond()),
                    Bytes.format(r.predictedBytes()),
                    Bytes.format(r.allocatedBytes()),
                    Bytes.format(r.activationBytes()),
                    r.residentBytes() == 0 ? NONE : Bytes.format(r.residentBytes()));
        }
        return table;
    }

    /**
     * {@return one object}
     *
     * @param b what was measured
     */
    public static String json(Benchmark b) {
        Objects.requireNonNull(b, "b");
        return Json.pretty(
                Json.object(
                        "format", "densenet4j.benchmark",
                        "version", VERSION,
                        "processor", b.processor(),
                        "device", b.device(),
                        "steps", b.steps(),
                        "warmUpSeconds", b.warmUpSeconds(),
                        "rounds", b.rounds(),
                        "peakFlopsPerSecond",
                                b.ceilings() == null ? null : b.ceilings().flopsPerSecond(),
                        "peakBytesPerSecond",
                                b.ceilings() == null ? null : b.ceilings().bytesPerSecond(),
                        "rows", b.rows().stream().map(r -> row(r, b.ceilings())).toList(),
                        "skipped", b.skipped(),
                        "sweeps", b.sweeps().stream().map(SweepData::json).toList()));
    }

    private static Map<String, Object> row(BenchmarkRow r, @Nullable Ceilings ceilings) {
        List<Double> medians = r.measured().stream().map(m -> m.stepTime().median()).toList();
        return Json.object(
                "model", r.model(),
                "batch", r.batch(),
                "work", r.work(),
                "precision", r.precision(),
                "strategy", r.strategy(),
                "medianSeconds", r.seconds(),
                "roundSeconds", medians,
                "imagesPerSecond", r.imagesPerSecond(),
                "flopsPerStep", r.flops(),
                "flopsPerSecond", r.flopsPerSecond(),
                "shareOfPeak", r.flopsPerSecond() / ceilings.flopsPerSecond(),
                "predictedBytes", r.predictedBytes(),
                "allocatedBytes", r.allocatedBytes(),
                "activationBytes", r.activationBytes(),
                "residentBytes", r.residentBytes());
    }
}

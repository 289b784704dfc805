package org.densenet4j.profile;

import org.densenet4j.plan.Bytes;
import org.densenet4j.plan.Category;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.report.Table;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The tables of a comparison, for the page and the terminal. */
final class ComparisonTables {
    private static final String NONE = "–";

    static final String TOO_FEW_POINTS = "no fit of how they grow: that takes three points or more";

    private ComparisonTables() {}

    static Table strategies(Comparison c) {
        Table table =
                Table.of(
                        "One training step under each strategy, each in a process of its own",
                        "strategy",
                        "predicted",
                        "allocated",
                        "resident",
                        "median step",
                        "min",
                        "max",
                        "images/s",
                        "largest batch in " + Bytes.format(c.budgetBytes()));
        for (StrategyRun r : c.runs()) {
            Measurement m = r.measured();
            Timing t = m == null ? Timing.NONE : m.stepTime();
            table.row(
                    r.strategy(),
                    Bytes.format(r.predictedBytes()),
                    m == null ? NONE : Bytes.format(m.allocatedBytes()),
                    m == null || m.residentBytes() == 0 ? NONE : Bytes.format(m.residentBytes()),
                    Units.seconds(t.median()),
                    Units.seconds(t.min()),
                    Units.seconds(t.max()),
                    m == null ? NONE : String.format(Locale.ROOT, "%.1f", c.batch() / t.median()),
                    r.largestBatch() == 0 ? NONE : r.largestBatch());
        }
        return table;
    }

    static Table categories(Comparison c) {
        List<String> columns = new ArrayList<>(List.of("bytes at the peak"));
        c.runs().forEach(r -> columns.add(r.strategy().name()));
        Table table = Table.of("Bytes at the peak by category", columns.toArray(String[]::new));
        for (Category category : Category.values()) {
            List<Object> cells = new ArrayList<>(List.of(Units.name(category)));
            for (StrategyRun r : c.runs()) {
                long bytes = r.bytesAtPeak().get(category);
                cells.add(bytes == 0 ? NONE : Bytes.format(bytes));
            }
            table.row(cells.toArray());
        }
        return table;
    }

    static Table agreement(Comparison c) {
        Table table =
                Table.of(
                        "Relative differences on the same parameters and data",
                        "strategies",
                        "losses",
                        "all gradients",
                        "one tensor",
                        "which");
        for (Agreement a : c.agreements()) {
            table.row(
                    a.strategy() + " and " + a.reference(),
                    difference(a.lossDifference()),
                    difference(a.gradientDifference()),
                    difference(a.tensorDifference()),
                    a.tensor().isEmpty() ? NONE : a.tensor());
        }
        return table;
    }

    private static String difference(double relative) {
        return relative == 0 ? "0" : String.format(Locale.ROOT, "%.1e", relative);
    }

    static Table sweep(Sweep s) {
        Table table =
                Table.of(
                        "By " + s.variable().unit() + ": " + s.fixed(),
                        "strategy",
                        s.variable().unit(),
                        "memory",
                        "median step");
        for (Sweep.Point p : s.points()) {
            table.row(
                    p.strategy(),
                    p.value(),
                    Bytes.format(p.predictedBytes()),
                    p.measured() == null ? NONE : Units.seconds(p.measured().stepTime().median()));
        }
        return table;
    }

    /** The fits for a terminal, or that there is none. */
    static String fitsText(Sweep s) {
        Table fits = fits(s);
        return fits.size() > 0 ? fits.text() : TOO_FEW_POINTS + "\n";
    }

    /** Linear and quadratic fits of memory and time; no row where the points are too few. */
    static Table fits(Sweep s) {
        String x = s.variable().symbol();
        Table table =
                Table.of(
                        "Least-squares fits; "
                                + s.variable().fitted()
                                + ", residual relative to the largest value",
                        "strategy",
                        "of",
                        "fit",
                        "R²",
                        "residual");
        for (MemoryStrategy strategy : MemoryStrategy.values()) {
            for (int degree = 1; degree <= 2; degree++) {
                if (s.of(strategy).size() > degree + 1) {
                    fit(table, strategy, "memory", s.memoryFit(strategy, degree), 1e6, x, "MB");
                }
            }
            long ran = s.of(strategy).stream().filter(p -> p.measured() != null).count();
            for (int degree = 1; degree <= 2; degree++) {
                if (ran > degree + 1) {
                    fit(table, strategy, "time", s.timeFit(strategy, degree), 1e-3, x, "ms");
                }
            }
        }
        return table;
    }

    private static void fit(
            Table table,
            MemoryStrategy strategy,
            String of,
            PolynomialFit fit,
            double unit,
            String x,
            String unitName) {
        StringBuilder formula = new StringBuilder();
        for (int power = fit.coefficients().length - 1; power >= 0; power--) {
            double coefficient = fit.coefficients()[power] / unit;
            if (!formula.isEmpty()) {
                formula.append(coefficient < 0 ? " − " : " + ");
            } else if (coefficient < 0) {
                formula.append('−');
            }
            formula.append(String.format(Locale.ROOT, "%.4g", Math.abs(coefficient)));
            formula.append(power == 2 ? "·" + x + "²" : power == 1 ? "·" + x : " " + unitName);
        }
        table.row(
                strategy,
                of,
                formula,
                String.format(Locale.ROOT, "%.5f", fit.rSquared()),
                Units.percent(fit.largestResidual()));
    }

    static Table published(Comparison c) {
        Table table =
                Table.of(
                        "DenseNet-BC-100-12, batch 64: published figures are from other hardware",
                        "implementation",
                        "memory",
                        "step",
                        "where");
        for (PublishedFigure f : PublishedFigure.ALL) {
            table.row(
                    f.implementation(),
                    Bytes.format(f.bytes()),
                    Units.seconds(f.secondsPerStep()),
                    "published: " + f.source());
        }
        for (StrategyRun r : c.runs()) {
            table.row(
                    "densenet4j " + r.strategy(),
                    Bytes.format(r.predictedBytes()),
                    r.measured() == null ? NONE : Units.seconds(r.measured().stepTime().median()),
                    "this run: " + c.device());
        }
        return table;
    }
}

package org.densenet4j.profile;

import org.densenet4j.io.OutputFolder;
import org.densenet4j.plan.Category;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.report.Figure;
import org.densenet4j.report.Figure.Series;
import org.densenet4j.report.Json;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.ToDoubleFunction;

/** Everything that is written about a comparison. */
public final class ComparisonReport {
    private static final String NETWORKS = "networks.csv";
    private static final int WIDTH = 900;
    private static final int HEIGHT = 480;

    private ComparisonReport() {}

    /**
     * Writes {@code report.html}, {@code comparison.json}, {@code strategies.csv}, with other
     * networks {@code networks.csv}, the figure {@code memory}, and for each sweep a CSV file and
     * figures of memory and time, as PNG and SVG.
     *
     * @param comparison what was compared
     * @param folder made if it is not there; files of these names are replaced
     * @throws IOException in one line with the path
     */
    public static void write(Comparison comparison, Path folder) throws IOException {
        Objects.requireNonNull(comparison, "comparison");
        Objects.requireNonNull(folder, "folder");
        OutputFolder files = OutputFolder.make(folder);
        files.write("comparison.json", Json.pretty(ComparisonData.json(comparison)));
        files.write("strategies.csv", ComparisonData.strategiesCsv(comparison));
        ComparisonPage.of(comparison).write(files, "report.html");
        memory(comparison).writeBoth(files, "memory", WIDTH, HEIGHT);
        if (!comparison.beside().isEmpty()) {
            files.write(NETWORKS, ComparisonData.networksCsv(comparison));
        }
        for (Sweep s : comparison.sweeps()) {
            String name = name(s.variable());
            files.write(name + ".csv", ComparisonData.sweepCsv(s));
            lines(s, "Memory of a training step", "MB", p -> p.predictedBytes() / 1e6)
                    .writeBoth(files, name + "-memory", WIDTH, HEIGHT);
            if (s.points().stream().anyMatch(p -> p.measured() != null)) {
                lines(
                                s,
                                "Time of a training step",
                                "seconds",
                                p ->
                                        p.measured() == null
                                                ? Double.NaN
                                                : p.measured().stepTime().median())
                        .writeBoth(files, name + "-time", WIDTH, HEIGHT);
            }
        }
    }

    /**
     * {@return names of the files that {@link #write} writes}
     *
     * @param sweeps of the comparison
     * @param beside whether it has other networks
     */
    public static List<String> files(Collection<Sweep.Variable> sweeps, boolean beside) {
        Objects.requireNonNull(sweeps, "sweeps");
        List<String> files =
                new ArrayList<>(
                        List.of(
                                "report.html",
                                "comparison.json",
                                "strategies.csv",
                                "memory.png",
                                "memory.svg"));
        if (beside) {
            files.add(NETWORKS);
        }
        for (Sweep.Variable variable : sweeps) {
            files.add(name(variable) + ".csv");
            for (String figure : List.of("-memory", "-time")) {
                files.add(name(variable) + figure + ".png");
                files.add(name(variable) + figure + ".svg");
            }
        }
        return files;
    }

    private static String name(Sweep.Variable variable) {
        return variable.name().toLowerCase(Locale.ROOT);
    }

    /**
     * {@return the main tables, for a terminal}
     *
     * @param c what was compared
     */
    public static String text(Comparison c) {
        Objects.requireNonNull(c, "c");
        StringBuilder text = new StringBuilder();
        text.append(c.spec()).append(", batch ").append(c.batch()).append('\n');
        text.append("on ").append(c.device()).append("\n\n");
        text.append(ComparisonTables.strategies(c).text()).append('\n');
        text.append(ComparisonTables.categories(c).text()).append('\n');
        if (!c.agreements().isEmpty()) {
            text.append("relative differences\n");
            text.append(ComparisonTables.agreement(c).text()).append('\n');
        }
        if (!c.beside().isEmpty()) {
            text.append(NetworkTables.sizes(c).text()).append('\n');
            text.append(NetworkTables.steps(c).text()).append('\n');
        }
        for (Sweep s : c.sweeps()) {
            text.append(s.fixed()).append('\n');
            text.append(ComparisonTables.sweep(s).text()).append('\n');
            text.append(ComparisonTables.fitsText(s)).append('\n');
        }
        if (PublishedFigure.isComparable(c)) {
            text.append("DenseNet-BC-100-12, batch 64, as published by others on other hardware\n");
            text.append(ComparisonTables.published(c).text());
        }
        return text.toString();
    }

    private static Figure memory(Comparison c) {
        Map<String, double[]> series = new LinkedHashMap<>();
        for (Category category : Category.values()) {
            series.put(
                    Units.name(category),
                    c.runs().stream()
                            .mapToDouble(r -> r.bytesAtPeak().get(category) / 1e6)
                            .toArray());
        }
        return Figure.bars(
                "Memory at the peak: " + c.spec().name() + ", batch " + c.batch(),
                "MB",
                c.runs().stream().map(r -> r.strategy().name()).toList(),
                series,
                true);
    }

    private static Figure lines(
            Sweep s, String title, String unit, ToDoubleFunction<Sweep.Point> value) {
        List<Series> series = new ArrayList<>();
        for (MemoryStrategy strategy : MemoryStrategy.values()) {
            List<Sweep.Point> points =
                    s.of(strategy).stream()
                            .filter(p -> Double.isFinite(value.applyAsDouble(p)))
                            .toList();
            series.add(
                    new Series(
                            strategy.name(),
                            points.stream().mapToDouble(Sweep.Point::value).toArray(),
                            points.stream().mapToDouble(value).toArray()));
        }
        return Figure.lines(title + " (" + s.fixed() + ")", s.variable().unit(), unit, series);
    }
}

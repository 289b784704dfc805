package org.densenet4j.bench;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/** A comparison as Markdown. */
final class ComparisonTable {
    private static final String NONE = "–";

    private final Results results;
    private final StringBuilder text = new StringBuilder();

    private ComparisonTable(Results results) {
        this.results = results;
    }

    /** Speed, memory, then every process. */
    static String of(Results results) {
        ComparisonTable table = new ComparisonTable(results);
        table.training();
        table.inference();
        table.memory();
        table.processes();
        return table.text.toString();
    }

    private void heading(String title, String... columns) {
        text.append("### ").append(title).append("\n\n");
        row((Object[]) columns);
        text.append("|").append(" --- |".repeat(columns.length)).append('\n');
    }

    private void row(Object... cells) {
        text.append('|');
        for (Object cell : cells) {
            text.append(' ').append(cell).append(" |");
        }
        text.append('\n');
    }

    private List<Contender> groups(Work work) {
        return results.groups().stream().filter(g -> g.work() == work).toList();
    }

    private static String point(Contender group) {
        return group.model() + ", batch " + group.batch();
    }

    private static String precision(Contender group) {
        return group.precision().name().toLowerCase(Locale.ROOT);
    }

    private String speed(Contender group, Contender.Kind kind) {
        return results.fastest(group, kind).map(r -> number(r.speed())).orElse(NONE);
    }

    private String best(Contender group) {
        return results.fastest(group, Contender.Kind.LIBTORCH)
                .map(r -> number(r.speed()) + " (" + r.contender().label() + ")")
                .orElse(NONE);
    }

    private String ratio(Contender group, Contender.Kind ours, Contender.Kind theirs) {
        Optional<Result> a = results.fastest(group, ours);
        Optional<Result> b = results.fastest(group, theirs);
        return a.isEmpty() || b.isEmpty() ? NONE : times(a.get().speed() / b.get().speed());
    }

    private void training() {
        heading(
                "Training, images/s",
                "model",
                "precision",
                "libtorch at its best",
                "libtorch, checkpointed",
                "`SHARED`",
                "`RECOMPUTE`",
                "`NAIVE`",
                "`SHARED` / best",
                "`RECOMPUTE` / best",
                "`RECOMPUTE` / checkpointed");
        for (Contender g : groups(Work.TRAINING)) {
            row(
                    point(g),
                    precision(g),
                    best(g),
                    speed(g, Contender.Kind.CHECKPOINTED),
                    speed(g, Contender.Kind.SHARED),
                    speed(g, Contender.Kind.RECOMPUTE),
                    speed(g, Contender.Kind.NAIVE),
                    ratio(g, Contender.Kind.SHARED, Contender.Kind.LIBTORCH),
                    ratio(g, Contender.Kind.RECOMPUTE, Contender.Kind.LIBTORCH),
                    ratio(g, Contender.Kind.RECOMPUTE, Contender.Kind.CHECKPOINTED));
        }
        text.append('\n');
    }

    private void inference() {
        heading(
                "Inference, images/s",
                "model",
                "precision",
                "libtorch at its best",
                "densenet4j",
                "densenet4j / best",
                "libtorch's memory",
                "ours, planned (by RSS)",
                "libtorch / ours");
        for (Contender g : groups(Work.INFERENCE)) {
            row(
                    point(g),
                    precision(g),
                    best(g),
                    speed(g, Contender.Kind.SHARED),
                    ratio(g, Contender.Kind.SHARED, Contender.Kind.LIBTORCH),
                    resident(g, Contender.Kind.LIBTORCH),
                    planned(g, Contender.Kind.SHARED),
                    memoryRatio(g, Contender.Kind.LIBTORCH, Contender.Kind.SHARED));
        }
        text.append('\n');
    }

    private String resident(Contender group, Contender.Kind kind) {
        return results.leanest(group, kind)
                .map(r -> megabytes(r.residentActivations()))
                .orElse(NONE);
    }

    private String planned(Contender group, Contender.Kind kind) {
        return results.leanest(group, kind)
                .map(
                        r ->
                                megabytes(r.plannedActivations())
                                        + " ("
                                        + megabytes(r.residentActivations())
                                        + ")")
                .orElse(NONE);
    }

    private String memoryRatio(Contender group, Contender.Kind theirs, Contender.Kind ours) {
        Optional<Result> a = results.leanest(group, theirs);
        Optional<Result> b = results.leanest(group, ours);
        return a.isEmpty() || b.isEmpty()
                ? NONE
                : times(a.get().residentActivations() / b.get().plannedActivations());
    }

    private void memory() {
        heading(
                "Training, memory of activations",
                "model",
                "precision",
                "libtorch, naive",
                "libtorch, checkpointed",
                "`SHARED`, planned (by RSS)",
                "`RECOMPUTE`",
                "`NAIVE`",
                "naive / `SHARED`",
                "naive / `RECOMPUTE`",
                "checkpointed / `RECOMPUTE`");
        for (Contender g : groups(Work.TRAINING)) {
            row(
                    point(g),
                    precision(g),
                    resident(g, Contender.Kind.LIBTORCH),
                    resident(g, Contender.Kind.CHECKPOINTED),
                    planned(g, Contender.Kind.SHARED),
                    planned(g, Contender.Kind.RECOMPUTE),
                    planned(g, Contender.Kind.NAIVE),
                    memoryRatio(g, Contender.Kind.LIBTORCH, Contender.Kind.SHARED),
                    memoryRatio(g, Contender.Kind.LIBTORCH, Contender.Kind.RECOMPUTE),
                    memoryRatio(g, Contender.Kind.CHECKPOINTED, Contender.Kind.RECOMPUTE));
        }
        text.append('\n');
    }

    private void processes() {
        heading(
                "Every process",
                "model",
                "work",
                "precision",
                "variant",
                "images/s",
                "activations");
        for (Result r : results.all()) {
            if (r.isMeasured()) {
                Contender c = r.contender();
                row(
                        point(c),
                        c.work().name().toLowerCase(Locale.ROOT),
                        precision(c),
                        c.name(),
                        r.speeds().stream()
                                .map(ComparisonTable::number)
                                .collect(Collectors.joining(", ")),
                        megabytes(r.residentActivations()));
            }
        }
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.1f", value);
    }

    private static String times(double value) {
        return String.format(Locale.ROOT, "%.2f", value);
    }

    private static String megabytes(double bytes) {
        return String.format(Locale.ROOT, "%,.0f MB", bytes / 1e6);
    }
}

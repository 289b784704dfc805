package org.densenet4j.bench;

import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;

/** Latencies as Markdown, in milliseconds. */
final class LatencyTable {
    private static final String NONE = "–";

    private final StringBuilder text = new StringBuilder();

    private LatencyTable() {}

    /** Warm calls, starts, then every contender. */
    static String of(LatencyResults calls, LatencyResults starts) {
        LatencyTable table = new LatencyTable();
        table.comparison(
                "Calls, milliseconds: median (99th percentile)",
                calls,
                LatencyQuantity.MEDIAN,
                r -> milliseconds(r, LatencyQuantity.MEDIAN) + " (" + p99(r) + ")");
        table.comparison(
                "From the start of the process to the first answer, milliseconds",
                starts,
                LatencyQuantity.ANSWER,
                r -> milliseconds(r, LatencyQuantity.ANSWER));
        table.calls(calls);
        table.starts(starts);
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

    private void comparison(
            String title,
            LatencyResults results,
            LatencyQuantity by,
            Function<LatencyResult, String> cell) {
        heading(
                title,
                "model",
                "batch",
                "precision",
                "ONNX Runtime",
                "libtorch",
                "densenet4j",
                "faster of them / densenet4j");
        for (LatencyResult ours : results.ours()) {
            LatencyContender c = ours.contender();
            Optional<LatencyResult> onnx = results.fastest(c, LatencyContender.Engine.ONNX_RUNTIME);
            Optional<LatencyResult> torch = results.fastest(c, LatencyContender.Engine.LIBTORCH);
            double faster =
                    Math.min(
                            onnx.map(r -> r.median(by)).orElse(Double.POSITIVE_INFINITY),
                            torch.map(r -> r.median(by)).orElse(Double.POSITIVE_INFINITY));
            row(
                    c.model(),
                    c.batch(),
                    c.precisionLabel(),
                    peer(c, onnx, cell),
                    peer(c, torch, cell),
                    cell.apply(ours),
                    Double.isInfinite(faster)
                            ? NONE
                            : String.format(Locale.ROOT, "%.2f", faster / ours.median(by)));
        }
        text.append('\n');
    }

    private static String peer(
            LatencyContender of,
            Optional<LatencyResult> fastest,
            Function<LatencyResult, String> cell) {
        if (fastest.isEmpty()) {
            return NONE;
        }
        LatencyContender c = fastest.get().contender();
        String label = c.label() + (c.precision() == of.precision() ? "" : ", fp32");
        return cell.apply(fastest.get()) + ", " + label;
    }

    private void calls(LatencyResults results) {
        heading(
                "Every contender, calls",
                "model",
                "batch",
                "precision",
                "contender",
                "median of each process",
                "p99",
                "calls timed");
        for (LatencyResult r : results.all()) {
            if (r.isMeasured()) {
                LatencyContender c = r.contender();
                row(
                        c.model(),
                        c.batch(),
                        c.precisionLabel(),
                        contender(c),
                        String.join(
                                ", ",
                                r.each(LatencyQuantity.MEDIAN).stream()
                                        .map(LatencyTable::milliseconds)
                                        .toList()),
                        p99(r),
                        Math.round(
                                r.each(LatencyQuantity.CALLS).stream().mapToDouble(d -> d).sum()));
            }
        }
        text.append('\n');
    }

    private void starts(LatencyResults results) {
        heading(
                "Every contender, starts",
                "model",
                "precision",
                "contender",
                "loaded after",
                "first answer after",
                "first call",
                "second call",
                "processes");
        for (LatencyResult r : results.all()) {
            if (r.isMeasured()) {
                LatencyContender c = r.contender();
                row(
                        c.model(),
                        c.precisionLabel(),
                        contender(c),
                        milliseconds(r, LatencyQuantity.LOADED),
                        milliseconds(r, LatencyQuantity.ANSWER),
                        milliseconds(r, LatencyQuantity.FIRST_CALL),
                        milliseconds(r, LatencyQuantity.SECOND_CALL),
                        r.each(LatencyQuantity.ANSWER).size());
            }
        }
    }

    private static String contender(LatencyContender c) {
        return (c.engine().label() + " " + c.label()).strip();
    }

    private static String p99(LatencyResult r) {
        return milliseconds(r, LatencyQuantity.P99);
    }

    private static String milliseconds(LatencyResult r, LatencyQuantity quantity) {
        return milliseconds(r.median(quantity));
    }

    private static String milliseconds(double seconds) {
        return String.format(Locale.ROOT, seconds < 0.1 ? "%.2f" : "%.0f", seconds * 1e3);
    }
}

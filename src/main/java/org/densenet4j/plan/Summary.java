package org.densenet4j.plan;

import org.densenet4j.backend.Device;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.PixelHead;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Window;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/**
 * A table of the network, one line per node: output shape, parameters, multiply-adds of one image,
 * receptive field in input pixels, and what the node keeps for the backward pass under each
 * strategy.
 */
public final class Summary {
    private static final String NONE = "–";
    private static final List<String> COLUMNS =
            List.of(
                    "node",
                    "output",
                    "parameters",
                    "multiply-adds",
                    "field",
                    "kept: NAIVE",
                    "SHARED",
                    "RECOMPUTE");

    private final Graph graph;
    private final Map<MemoryStrategy, MemoryPlan> plans = new EnumMap<>(MemoryStrategy.class);
    private final Map<Features, Sight> sights = new IdentityHashMap<>();
    private final List<List<String>> rows = new ArrayList<>();

    /** Receptive field and distance between neighbours, both in input pixels. */
    private record Sight(long field, long jump) {
        Sight through(Window window) {
            return new Sight(field + (window.kernel() - 1) * jump, jump * window.stride());
        }
    }

    private Summary(NetworkSpec spec, int batch, Device device) {
        graph = spec.graph();
        for (MemoryStrategy s : MemoryStrategy.values()) {
            plans.put(s, MemoryPlan.of(spec).strategy(s).batch(batch).on(device));
        }
        sights.put(graph.input(), new Sight(1, 1));
        graph.nodes().forEach(this::row);
        totals();
    }

    /**
     * {@return the table as text}
     *
     * @param spec the network
     * @param batch images of a step
     * @param device that memory is planned for
     */
    public static String of(NetworkSpec spec, int batch, Device device) {
        Objects.requireNonNull(spec, "spec");
        Objects.requireNonNull(device, "device");
        return spec + ", batch " + batch + "\n" + new Summary(spec, batch, device).text();
    }

    private void row(Node node) {
        List<String> row =
                new ArrayList<>(
                        List.of(
                                node.name(),
                                output(node),
                                number(
                                        node.parameters().stream()
                                                .mapToLong(ParameterSpec::count)
                                                .sum()),
                                number(node.multiplyAdds()),
                                String.valueOf(sight(node).field())));
        for (MemoryPlan plan : plans.values()) {
            long kept = kept(plan, node);
            row.add(kept == 0 ? NONE : Bytes.format(kept));
        }
        rows.add(row);
    }

    private void totals() {
        List<String> row =
                new ArrayList<>(
                        List.of(
                                "all",
                                "",
                                number(graph.parameterCount()),
                                number(graph.multiplyAdds()),
                                ""));
        plans.values().forEach(plan -> row.add(Bytes.format(plan.peakBytes())));
        rows.add(row);
    }

    private static String number(long value) {
        return String.format(Locale.ROOT, "%,d", value);
    }

    /** Columns as wide as they need to be, numbers to the right. */
    private String text() {
        int[] widths = new int[COLUMNS.size()];
        for (int c = 0; c < widths.length; c++) {
            int column = c;
            widths[c] =
                    rows.stream()
                            .mapToInt(row -> row.get(column).length())
                            .reduce(COLUMNS.get(c).length(), Math::max);
        }
        StringBuilder text = new StringBuilder(line(COLUMNS, widths)).append('\n');
        for (List<String> row : rows) {
            text.append(line(row, widths));
            text.append(row == rows.getLast() ? "  (peak of a training step)\n" : "\n");
        }
        if (!graph.learnedGroups().isEmpty()) {
            text.append("condensed: ")
                    .append(number(graph.condensedParameterCount()))
                    .append(" parameters, ")
                    .append(number(graph.condensedMultiplyAdds()))
                    .append(" multiply-adds\n");
        }
        return text.toString();
    }

    private static String line(List<String> cells, int[] widths) {
        StringBuilder line = new StringBuilder();
        for (int c = 0; c < widths.length; c++) {
            String padding = " ".repeat(widths[c] - cells.get(c).length());
            line.append(c == 0 ? "" : "  ");
            line.append(c == 0 ? cells.get(c) + padding : padding + cells.get(c));
        }
        return line.toString();
    }

    /** The widest sight of what is read, through the node's windows; its output has the same. */
    private Sight sight(Node node) {
        Sight sight = new Sight(0, 1);
        for (Read read : node.reads()) {
            for (Columns c : read.ranges()) {
                sight = wider(sight, sights.get(c.of()));
            }
        }
        for (Window window : node.windows()) {
            sight = sight.through(window);
        }
        Sight seen = sight;
        node.writes().ifPresent(c -> sights.merge(c.of(), seen, Summary::wider));
        return seen;
    }

    private static Sight wider(Sight a, Sight b) {
        return b.field() > a.field() ? b : a;
    }

    /** Pixels, and the channels that there are behind the node; logits of a head. */
    private static String output(Node node) {
        if (node instanceof PixelHead head) {
            return size(head.source().height(), head.source().width(), head.classes());
        }
        return node.writes()
                .map(c -> size(c.of().height(), c.of().width(), c.end()))
                .orElseGet(() -> size(1, 1, node.parameters().getLast().shape().getFirst()));
    }

    private static String size(int height, int width, int channels) {
        return height + "x" + width + "x" + channels;
    }

    /** Bytes that outlive the node's forward operation, and its new columns of the features. */
    private static long kept(MemoryPlan plan, Node node) {
        int forward = plan.schedule().forward(node);
        long bytes =
                plan.buffers().stream()
                        .filter(b -> b.name().startsWith(node.name() + "."))
                        .filter(b -> b.first() == forward && b.last() > forward)
                        .mapToLong(Buffer::bytes)
                        .sum();
        long values = node.writes().map(c -> (long) c.of().pixels() * c.count()).orElse(0L);
        return bytes + plan.precision().bytes() * plan.batch() * values;
    }
}

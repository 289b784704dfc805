package org.densenet4j.plan;

import org.densenet4j.backend.Device;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.ParameterSpec;
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
    private final Graph graph;
    private final Map<MemoryStrategy, MemoryPlan> plans = new EnumMap<>(MemoryStrategy.class);
    private final Map<Features, Sight> sights = new IdentityHashMap<>();
    private final List<String> lines = new ArrayList<>();

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
        lines.add(spec + ", batch " + batch);
        lines.add(
                String.format(
                        Locale.ROOT,
                        "%-18s %15s %12s %15s %6s %12s %12s %12s",
                        "stage",
                        "output",
                        "parameters",
                        "multiply-adds",
                        "field",
                        "kept: NAIVE",
                        "SHARED",
                        "RECOMPUTE"));
        sights.put(graph.input(), new Sight(1, 1));
        graph.nodes().forEach(this::row);
        totals();
    }

    /** The table as text. */
    public static String of(NetworkSpec spec, int batch, Device device) {
        Objects.requireNonNull(spec, "spec");
        Objects.requireNonNull(device, "device");
        return String.join("\n", new Summary(spec, batch, device).lines) + "\n";
    }

    private void row(Node node) {
        StringBuilder line = new StringBuilder();
        line.append(
                String.format(
                        Locale.ROOT,
                        "%-18s %15s %,12d %,15d %6d",
                        node.name(),
                        output(node),
                        node.parameters().stream().mapToLong(ParameterSpec::count).sum(),
                        node.multiplyAdds(),
                        sight(node).field()));
        for (MemoryPlan plan : plans.values()) {
            line.append(String.format(Locale.ROOT, " %12s", Bytes.format(kept(plan, node))));
        }
        lines.add(line.toString());
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

    /** Pixels, and the channels that there are behind the node. */
    private static String output(Node node) {
        return node.writes()
                .map(c -> c.of().height() + "x" + c.of().width() + "x" + c.end())
                .orElseGet(() -> "1x1x" + node.parameters().getLast().shape().getFirst());
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
        return bytes + 4L * plan.batch() * values;
    }

    private void totals() {
        StringBuilder line = new StringBuilder();
        line.append(
                String.format(
                        Locale.ROOT,
                        "%-18s %15s %,12d %,15d %6s",
                        "all",
                        "",
                        graph.parameterCount(),
                        graph.multiplyAdds(),
                        ""));
        for (MemoryPlan plan : plans.values()) {
            line.append(String.format(Locale.ROOT, " %12s", Bytes.format(plan.peakBytes())));
        }
        lines.add(line + "  (peak of a training step)");
    }
}

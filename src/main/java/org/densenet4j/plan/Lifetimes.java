package org.densenet4j.plan;

import org.densenet4j.graph.Columns;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Read;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * When the matrices of a graph live in a training step, and who is the first to write a gradient.
 * All of it follows from what nodes read and write:
 *
 * <pre>
 * values    from the forward pass of their first writer to the last of: forward passes of readers,
 *           backward passes of readers that read them again, backward passes of writers whose
 *           columns are corrected (deferred batch normalisation) or that need their output
 * gradient  from the backward pass of the last reader to that of the first writer
 * </pre>
 *
 * Nodes that are frozen at the start of the network have no backward pass: they neither need values
 * again nor a gradient.
 *
 * <p>A gradient's first writer is the reader whose backward pass comes first: the last in the order
 * of nodes. That is a fact of columns, not of readers: one read may add to some columns and
 * overwrite others.
 */
public final class Lifetimes {
    private final Schedule schedule;
    private final Map<Features, Lifetime> values = new IdentityHashMap<>();
    private final Map<Features, Lifetime> gradients = new IdentityHashMap<>();
    private final Map<ReadOf, List<Piece>> pieces = new HashMap<>();
    private final Map<ReadOf, List<Piece>> sums = new HashMap<>();

    /** Written columns that no reader normalises, by their node's name. */
    private final Map<String, List<Columns>> unnormalised = new HashMap<>();

    /** The read of a node at an index. */
    private record ReadOf(String node, int index) {}

    private Lifetimes(Graph graph, Schedule schedule) {
        this.schedule = schedule;
        gradientsOf(graph);
        valuesOf(graph);
    }

    static Lifetimes of(Graph graph, Schedule schedule) {
        return new Lifetimes(graph, schedule);
    }

    /** The first backward pass to reach a column is that of its last reader. */
    private void gradientsOf(Graph graph) {
        Map<Features, boolean[]> written = columns(graph);
        Map<Features, boolean[]> summed = columns(graph);
        for (Node node : graph.nodes().reversed()) {
            int now = schedule.backward(node);
            for (int i = 0; i < node.reads().size(); i++) {
                Read read = node.reads().get(i);
                pieces.put(new ReadOf(node.name(), i), cut(read, written));
                if (read instanceof Read.Normalised) {
                    sums.put(new ReadOf(node.name(), i), cut(read, summed));
                }
                if (schedule.runsBackward(node)) {
                    for (Columns c : read.ranges()) {
                        gradients.merge(
                                c.of(), new Lifetime(now, now), (life, _) -> until(life, now));
                    }
                }
            }
            node.writes()
                    .ifPresent(
                            c -> {
                                if (schedule.runsBackward(node)) {
                                    gradients.computeIfPresent(
                                            c.of(), (_, life) -> until(life, now));
                                }
                                unnormalised.put(
                                        node.name(),
                                        cut(Read.raw(c), summed).stream()
                                                .filter(Piece::overwrites)
                                                .map(Piece::columns)
                                                .toList());
                            });
        }
    }

    private static Lifetime until(Lifetime life, int operation) {
        return new Lifetime(life.first(), Math.max(life.last(), operation));
    }

    private static Map<Features, boolean[]> columns(Graph graph) {
        Map<Features, boolean[]> columns = new IdentityHashMap<>();
        columns.put(graph.input(), new boolean[graph.input().channels()]);
        graph.features().forEach(f -> columns.put(f, new boolean[f.channels()]));
        return columns;
    }

    /** Cuts what is read where columns that are new meet columns that were there, and marks all. */
    private static List<Piece> cut(Read read, Map<Features, boolean[]> there) {
        List<Piece> cut = new ArrayList<>();
        int offset = 0;
        for (Columns c : read.ranges()) {
            boolean[] marks = there.get(c.of());
            int from = c.from();
            for (int end = from + 1; end <= c.end(); end++) {
                if (end == c.end() || marks[end] != marks[from]) {
                    int start = offset + from - c.from();
                    cut.add(new Piece(start, c.of().columns(from, end - from), !marks[from]));
                    from = end;
                }
            }
            Arrays.fill(marks, c.from(), c.end(), true);
            offset += c.count();
        }
        return List.copyOf(cut);
    }

    private void valuesOf(Graph graph) {
        values.put(graph.input(), new Lifetime(0, 0));
        for (Node node : graph.nodes()) {
            int forward = schedule.forward(node);
            int backward = schedule.keeps(node);
            for (Read read : node.reads()) {
                int last = node.readsAgain(read) ? backward : forward;
                for (Columns c : read.ranges()) {
                    values.computeIfPresent(c.of(), (_, life) -> until(life, last));
                }
            }
            node.writes()
                    .map(Columns::of)
                    .ifPresent(
                            f -> {
                                boolean needed =
                                        isNormalised(graph, f)
                                                || node.needsOutput()
                                                || node.drops().any();
                                values.putIfAbsent(f, new Lifetime(forward, forward));
                                int last = needed ? backward : forward;
                                values.computeIfPresent(f, (_, life) -> until(life, last));
                            });
        }
    }

    private static boolean isNormalised(Graph graph, Features features) {
        return graph.epsilon(features).isPresent() || graph.isActivated(features);
    }

    /**
     * {@return when values, and their statistics, are needed}
     *
     * @param of features of the graph, or its input
     */
    public Lifetime values(Features of) {
        return values.get(of);
    }

    /**
     * {@return when the gradient, and the sums of its deferred batch normalisation, are needed;
     * never where all readers are frozen}
     *
     * @param of features of the graph, or its input
     */
    public Optional<Lifetime> gradient(Features of) {
        return Optional.ofNullable(gradients.get(of));
    }

    /**
     * {@return of the columns that a node writes, those that no reader normalises: they have no
     * sums}
     *
     * @param node of the graph
     */
    public List<Columns> unnormalised(Node node) {
        return unnormalised.getOrDefault(node.name(), List.of());
    }

    /**
     * {@return how the gradient of what a node reads reaches its columns: the pieces partition the
     * read}
     *
     * @param node of the graph
     * @param read index among the node's reads
     */
    public List<Piece> pieces(Node node, int read) {
        return pieces.get(new ReadOf(node.name(), read));
    }

    /**
     * {@return the same of the sums of deferred batch normalisations, which raw reads have none of}
     *
     * @param node of the graph
     * @param read index among the node's reads
     */
    public List<Piece> sums(Node node, int read) {
        return sums.get(new ReadOf(node.name(), read));
    }
}

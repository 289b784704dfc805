package org.densenet4j.insight;

import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Read;
import org.densenet4j.spec.DenseNetSpec;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/** Finds the blocks of a graph and measures their connections. */
final class ReuseBlocks {
    private final Graph graph;
    private final boolean denseNet;
    private final ReadColumns columns;
    private final Function<String, float[]> weights;

    /** Nodes that read one matrix and what else they read with it. */
    private record Readers(Features of, List<Node> nodes) {}

    private ReuseBlocks(NetworkSpec spec, Function<String, float[]> weights) {
        this.graph = spec.graph();
        this.denseNet = spec instanceof DenseNetSpec;
        this.columns = new ReadColumns(graph);
        this.weights = weights;
    }

    static List<BlockReuse> of(NetworkSpec spec, Function<String, float[]> weights) {
        ReuseBlocks found = new ReuseBlocks(spec, weights);
        List<BlockReuse> blocks = new ArrayList<>();
        for (Readers readers : found.readers()) {
            if (found.compares(readers)) {
                blocks.add(found.block(blocks.size() + 1, readers));
            }
        }
        return blocks;
    }

    // ---------------------------------------------------------------- blocks

    /** Nodes with weights by the features that they belong to. */
    private List<Readers> readers() {
        List<Readers> all = new ArrayList<>();
        for (Node node : graph.nodes()) {
            Optional<Features> of =
                    InputWeight.of(node).isPresent() ? features(node) : Optional.empty();
            if (of.isPresent()) {
                Features f = of.get();
                Optional<Readers> known = all.stream().filter(r -> r.of() == f).findFirst();
                known.ifPresentOrElse(
                        r -> r.nodes().add(node),
                        () -> all.add(new Readers(f, new ArrayList<>(List.of(node)))));
            }
        }
        return all;
    }

    /** Of what a node reads: the features that it also writes, else the first. */
    private Optional<Features> features(Node node) {
        List<Features> read =
                read(node).ranges().stream()
                        .map(Columns::of)
                        .filter(f -> f != graph.input())
                        .toList();
        Optional<Features> written = node.writes().map(Columns::of).filter(read::contains);
        return written.isPresent() ? written : read.stream().findFirst();
    }

    private static Read read(Node node) {
        return node.reads().getFirst();
    }

    /** Numbers of the writers, in the order in which they are first read; null are the images. */
    private Map<Node, Integer> sources(Readers readers) {
        Map<Node, Integer> numbers = new IdentityHashMap<>();
        for (Node node : readers.nodes()) {
            for (ReadColumns.Run run : columns.runs(read(node))) {
                numbers.putIfAbsent(run.writer(), numbers.size());
            }
        }
        return numbers;
    }

    /** Whether any node reads more than one source. */
    private boolean compares(Readers readers) {
        return readers.nodes().stream()
                .anyMatch(
                        node ->
                                columns.runs(read(node)).stream()
                                                .map(ReadColumns.Run::writer)
                                                .distinct()
                                                .count()
                                        > 1);
    }

    private BlockReuse block(int number, Readers readers) {
        Map<Node, Integer> numbers = sources(readers);
        BlockReuse.Source[] sources = new BlockReuse.Source[numbers.size()];
        numbers.forEach((node, source) -> sources[source] = source(node, source));
        List<BlockReuse.Target> targets = new ArrayList<>();
        List<Connection> connections = new ArrayList<>();
        int letters = 0;
        for (Node node : readers.nodes()) {
            Integer own = numbers.get(node);
            targets.add(own == null ? behind(node, letters++) : layer(node, own));
            String target = targets.getLast().name();
            for (Measured m : measured(node, numbers)) {
                connections.add(m.connection(number, targets.size(), target, sources));
            }
        }
        String name = denseNet ? "Dense block " + number : readers.of().name();
        return new BlockReuse(number, name, List.of(sources), targets, connections);
    }

    // ---------------------------------------------------------------- names

    private BlockReuse.Source source(@Nullable Node node, int number) {
        if (denseNet) {
            return number == 0
                    ? new BlockReuse.Source("input", "in")
                    : new BlockReuse.Source("layer " + number, String.valueOf(number));
        }
        String name = node == null ? "images" : node.name();
        return new BlockReuse.Source(name, number + " " + name);
    }

    private BlockReuse.Target layer(Node node, int own) {
        String name = denseNet ? "layer " + own : node.name();
        return new BlockReuse.Target(name, String.valueOf(own), own);
    }

    private BlockReuse.Target behind(Node node, int letter) {
        if (denseNet) {
            return node instanceof Classifier c
                    ? new BlockReuse.Target(c.linear(), "C", -1)
                    : new BlockReuse.Target(node.name(), "T", -1);
        }
        return new BlockReuse.Target(node.name(), letter(letter), -1);
    }

    /** A, B, ... Z, A1, B1, ... */
    private static String letter(int index) {
        String letter = String.valueOf((char) ('A' + index % 26));
        return index < 26 ? letter : letter + index / 26;
    }

    // ---------------------------------------------------------------- numbers

    /**
     * What a node reads of one source.
     *
     * @param source its number
     * @param mean absolute weight
     * @param share of the largest mean of the node
     */
    private record Measured(
            int source, ReadColumns.Run run, InputWeight weight, double mean, double share) {
        long count() {
            return (long) weight.outputs() * run.channels() * weight.taps();
        }

        Connection connection(int block, int target, String name, BlockReuse.Source[] sources) {
            return new Connection(
                    block,
                    source,
                    target,
                    sources[source].name(),
                    name,
                    weight.name(),
                    run.firstChannel(),
                    run.channels(),
                    count(),
                    mean,
                    share);
        }
    }

    /** In the order of the sources. */
    private List<Measured> measured(Node node, Map<Node, Integer> numbers) {
        InputWeight weight = InputWeight.of(node).orElseThrow();
        double[] norms = weight.norms(weights.apply(weight.name()));
        List<Measured> all = new ArrayList<>();
        double largest = 0;
        for (ReadColumns.Run run : columns.runs(read(node))) {
            double sum = 0;
            for (int c = run.firstChannel(); c < run.firstChannel() + run.channels(); c++) {
                sum += norms[c];
            }
            Measured m = new Measured(numbers.get(run.writer()), run, weight, sum, 0);
            double mean = sum / m.count();
            if (!Double.isFinite(mean)) {
                throw new IllegalArgumentException(
                        weight.name() + " has values that are not finite");
            }
            largest = Math.max(largest, mean);
            all.add(new Measured(m.source(), run, weight, mean, 0));
        }
        double most = largest;
        all.replaceAll(
                m ->
                        new Measured(
                                m.source(),
                                m.run(),
                                weight,
                                m.mean(),
                                most == 0 ? 0 : m.mean() / most));
        all.sort(Comparator.comparingInt(Measured::source));
        return all;
    }
}

package org.densenet4j.plan;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.LayerHalf;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Node;

import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What the memory of every kind of node is planned with in training. */
final class Planner extends NodePlanner {
    private final Lifetimes lifetimes;
    private final MemoryStrategy strategy;
    private final TargetKind targets;
    private final boolean mayMeasure;
    private final Map<Features, Channels> channels = new IdentityHashMap<>();
    private final Map<List<Columns>, Matrix> concatenations = new HashMap<>();

    /**
     * @param mayMeasure whether the device may measure what is faster, as for a plan that will run
     */
    Planner(
            Graph graph,
            Schedule schedule,
            MemoryStrategy strategy,
            TargetKind targets,
            int batch,
            Device device,
            boolean mayMeasure,
            Allocator allocator) {
        super(
                graph,
                schedule,
                batch,
                device,
                allocator,
                keptElements(graph, strategy, batch) * allocator.precision().bytes());
        this.lifetimes = Lifetimes.of(graph, schedule);
        this.strategy = strategy;
        this.targets = targets;
        this.mayMeasure = mayMeasure;
    }

    /** All features and, where they are kept, the values between the convolutions of nodes. */
    private static long keptElements(Graph graph, MemoryStrategy strategy, int batch) {
        long elements = 0;
        for (Features f : graph.features()) {
            elements += (long) f.channels() * Math.multiplyExact(batch, f.pixels());
        }
        if (strategy != MemoryStrategy.RECOMPUTE) {
            for (Node node : graph.nodes()) {
                elements += batch * node.innerValues();
            }
        }
        return elements;
    }

    Lifetimes lifetimes() {
        return lifetimes;
    }

    MemoryStrategy strategy() {
        return strategy;
    }

    /** What images are labelled with. */
    TargetKind targets() {
        return targets;
    }

    /** Whether a half of a dense layer runs by the device's fused kernels. */
    boolean fuses(LayerHalf half) {
        return device().fuses(half, mayMeasure);
    }

    /** A whole-batch copy that only the naive strategy keeps from forward to backward. */
    Optional<Matrix> naiveCopy(Node node, String name, int rows, int columns) {
        return strategy == MemoryStrategy.NAIVE
                ? Optional.of(
                        allocator()
                                .activations(
                                        node.name() + name,
                                        Category.COPIES,
                                        rows,
                                        columns,
                                        schedule().forward(node),
                                        schedule().keeps(node)))
                : Optional.empty();
    }

    /** Whether a node before has concatenated these activated columns for the naive strategy. */
    boolean isConcatenated(List<Columns> ranges) {
        return concatenations.containsKey(ranges);
    }

    /**
     * The naive strategy's concatenation of activated columns: that of the first node which reads
     * them, whose backward pass is the last.
     */
    Matrix concatenation(Node node, List<Columns> ranges, int rows, int columns) {
        return concatenations.computeIfAbsent(
                ranges, _ -> naiveCopy(node, ".concatenation", rows, columns).orElseThrow());
    }

    /**
     * A whole-batch matrix of a node's backward pass alone. Where the node has none it has a layout
     * and no place, since nothing uses it.
     */
    Matrix backwardOnly(Node node, String name, Category category, int rows, int columns) {
        if (!schedule().runsBackward(node)) {
            return Matrix.dense(0, rows, columns, precision());
        }
        int backward = schedule().backward(node);
        return allocator().activations(name, category, rows, columns, backward, backward);
    }

    // ---------------------------------------------------------------- features

    /** Asks for the matrices of these features, unless that was done before. */
    void declare(Features of) {
        if (!channels.containsKey(of)) {
            channels.put(of, matrices(of));
        }
    }

    private Channels matrices(Features of) {
        Lifetime life = lifetimes.values(of);
        String name = of.name();
        int rows = rows(of.pixels());
        int count = of.channels();
        return new Channels(
                allocator()
                        .alignedActivations(
                                name + ".features",
                                Category.FEATURES,
                                rows,
                                count,
                                life.first(),
                                life.last()),
                allocator()
                        .matrix(
                                name + ".statistics",
                                Category.FEATURES,
                                3,
                                count,
                                life.first(),
                                life.last()),
                gradient(of),
                deferred(of),
                ofWriters(name + ".affine", of),
                ofWriters(name + ".norm.sums", of));
    }

    /** Two vectors of the writers' batch normalisations, which live as long as the values. */
    private Matrix ofWriters(String name, Features of) {
        if (!graph().isActivated(of)) {
            return Matrix.dense(0, 2, of.channels());
        }
        Lifetime life = lifetimes.values(of);
        return allocator()
                .matrix(name, Category.FEATURES, 2, of.channels(), life.first(), life.last());
    }

    /** G; a layout without a place where all readers are frozen, and nothing writes or reads it. */
    private Matrix gradient(Features of) {
        int rows = rows(of.pixels());
        return lifetimes
                .gradient(of)
                .map(
                        life ->
                                allocator()
                                        .alignedActivations(
                                                of.name() + ".gradient",
                                                Category.GRADIENTS,
                                                rows,
                                                of.channels(),
                                                life.first(),
                                                life.last()))
                .orElseGet(() -> Matrix.aligned(0, rows, of.channels(), precision()));
    }

    /** Sums of deferred batch normalisations, which are needed as long as G is. */
    private Matrix deferred(Features of) {
        return lifetimes
                .gradient(of)
                .map(
                        life ->
                                allocator()
                                        .matrix(
                                                of.name() + ".deferred",
                                                Category.GRADIENTS,
                                                2,
                                                of.channels(),
                                                life.first(),
                                                life.last()))
                .orElseGet(() -> Matrix.dense(0, 2, of.channels()));
    }

    /** The matrices that were asked for. */
    Map<Features, Channels> channels() {
        return channels;
    }
}

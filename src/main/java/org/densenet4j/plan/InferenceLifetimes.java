package org.densenet4j.plan;

import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Read;

import java.util.IdentityHashMap;
import java.util.Map;

/**
 * When the matrices of a graph live in a forward pass alone: what is left of {@link Lifetimes}
 * without gradients.
 *
 * <pre>
 * values    from the forward pass of their first writer to that of their last reader
 * </pre>
 *
 * A classifier of images is asked for class activation maps after the pass, which read its features
 * again: they live to the end.
 */
final class InferenceLifetimes {
    private final Map<Features, Lifetime> values = new IdentityHashMap<>();

    private InferenceLifetimes(Graph graph, Schedule schedule) {
        values.put(graph.input(), new Lifetime(0, 0));
        for (Node node : graph.nodes()) {
            int now = schedule.forward(node);
            int last = node instanceof Classifier ? schedule.last() : now;
            for (Read read : node.reads()) {
                for (Columns c : read.ranges()) {
                    values.computeIfPresent(
                            c.of(),
                            (_, life) -> new Lifetime(life.first(), Math.max(life.last(), last)));
                }
            }
            node.writes().ifPresent(c -> values.putIfAbsent(c.of(), new Lifetime(now, now)));
        }
    }

    static InferenceLifetimes of(Graph graph, Schedule schedule) {
        return new InferenceLifetimes(graph, schedule);
    }

    /** When values, and their statistics where any are taken, are needed. */
    Lifetime values(Features of) {
        return values.get(of);
    }
}

package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Read;

/**
 * What an autograd framework keeps of a dense layer's input. What several layers read activated is
 * concatenated once, by the first of them.
 *
 * @param concatenation [N·H·W, K]; without a place where what is concatenated is normalised before
 * @param statistics [3, K], taken anew by every layer; likewise
 * @param normalised BN-ReLU output [N·H·W, K], or the concatenation of the writers'
 * @param isThere whether an earlier layer has made that concatenation
 * @param gradient of the concatenation [N·H·W, K], during the layer's backward pass
 */
public record Copies(
        Matrix concatenation,
        Matrix statistics,
        Matrix normalised,
        boolean isThere,
        Matrix gradient) {

    /** Asks for copies of what a node reads. */
    static Copies of(Node node, Read source, Planner planner) {
        Allocator allocator = planner.allocator();
        int forward = planner.schedule().forward(node);
        int kept = planner.schedule().keeps(node);
        int rows = planner.rows(source.height() * source.width());
        int channels = source.channels();
        String name = node.name();
        if (source instanceof Read.Activated) {
            boolean isThere = planner.isConcatenated(source.ranges());
            return new Copies(
                    Matrix.dense(0, rows, channels, planner.precision()),
                    Matrix.dense(0, 3, channels),
                    planner.concatenation(node, source.ranges(), rows, channels),
                    isThere,
                    gradient(node, planner, rows, channels));
        }
        return new Copies(
                allocator.activations(
                        name + ".concatenation", Category.COPIES, rows, channels, forward, kept),
                allocator.matrix(name + ".statistics", Category.COPIES, 3, channels, forward, kept),
                allocator.activations(
                        name + ".normalised", Category.COPIES, rows, channels, forward, kept),
                false,
                gradient(node, planner, rows, channels));
    }

    private static Matrix gradient(Node node, Planner planner, int rows, int channels) {
        String name = node.name() + ".concatenation.gradient";
        return planner.backwardOnly(node, name, Category.GRADIENTS, rows, channels);
    }
}

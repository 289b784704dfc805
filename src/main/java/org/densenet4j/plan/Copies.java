package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Read;

/**
 * What an autograd framework keeps of a dense layer's input.
 *
 * @param concatenation [N·H·W, K]; without a place where what is concatenated is normalised before
 * @param statistics [3, K], taken anew by every layer; likewise
 * @param normalised BN-ReLU output [N·H·W, K], or the concatenation of the writers'
 * @param gradient of the concatenation [N·H·W, K], during the layer's backward pass
 */
public record Copies(Matrix concatenation, Matrix statistics, Matrix normalised, Matrix gradient) {

    /** Asks for copies of what a node reads. */
    static Copies of(Node node, Read source, Planner planner) {
        Allocator allocator = planner.allocator();
        int forward = planner.schedule().forward(node);
        int kept = planner.schedule().keeps(node);
        int rows = planner.rows(source.height() * source.width());
        int channels = source.channels();
        String name = node.name();
        boolean own = source instanceof Read.Normalised;
        return new Copies(
                own
                        ? allocator.activations(
                                name + ".concatenation",
                                Category.COPIES,
                                rows,
                                channels,
                                forward,
                                kept)
                        : Matrix.dense(0, rows, channels, planner.precision()),
                own
                        ? allocator.matrix(
                                name + ".statistics", Category.COPIES, 3, channels, forward, kept)
                        : Matrix.dense(0, 3, channels),
                allocator.activations(
                        name + ".normalised", Category.COPIES, rows, channels, forward, kept),
                planner.backwardOnly(
                        node,
                        name + ".concatenation.gradient",
                        Category.GRADIENTS,
                        rows,
                        channels));
    }
}

package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.BottleneckLayer;

import java.util.Optional;

/**
 * Room for the weights of a 3x3 convolution in groups, and for their gradient, as those of one
 * without: what lies outside of a group's own inputs is zero.
 *
 * @param weights [k, 4k·9]
 * @param gradient of them
 */
public record BlockDiagonal(Matrix weights, Matrix gradient) {

    /** In the scratch of an operation; nothing where there is one group. */
    static Optional<BlockDiagonal> of(BottleneckLayer node, Allocator.Frame frame) {
        int inputs = 9 * node.width();
        return node.groups() == 1
                ? Optional.empty()
                : Optional.of(
                        new BlockDiagonal(
                                frame.matrix(node.growthRate(), inputs),
                                frame.matrix(node.growthRate(), inputs)));
    }
}

package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.PooledConvolution;

import java.util.Optional;

/**
 * What is kept of S, a pooled convolution's output, for the backward pass.
 *
 * @param statistics of S [3, C]
 * @param stored S [N·H·W, C]; none where it is made again
 */
record PooledConvolutionOutput(Matrix statistics, Optional<Matrix> stored) {

    static PooledConvolutionOutput of(PooledConvolution node, Planner planner) {
        int forward = planner.schedule().forward(node);
        int kept = planner.schedule().keeps(node);
        int channels = node.target().count();
        Matrix statistics =
                planner.allocator()
                        .matrix(
                                node.name() + ".statistics",
                                Category.FEATURES,
                                3,
                                channels,
                                forward,
                                kept);
        if (planner.strategy() == MemoryStrategy.RECOMPUTE) {
            return new PooledConvolutionOutput(statistics, Optional.empty());
        }
        Matrix stored =
                planner.allocator()
                        .activations(
                                node.name() + ".convolution",
                                Category.FEATURES,
                                planner.rows(node.convolvedHeight() * node.convolvedWidth()),
                                channels,
                                forward,
                                kept);
        return new PooledConvolutionOutput(statistics, Optional.of(stored));
    }
}

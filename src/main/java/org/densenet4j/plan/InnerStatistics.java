package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;

import java.util.Optional;

/**
 * Memory for the batch's statistics of values that are a node's own, in inference.
 *
 * @param statistics [3, C]
 * @param partials [2·chunks, C] sums of every chunk
 */
public record InnerStatistics(Matrix statistics, Matrix partials) {

    /** Asks for it where normalisations use the batch's statistics. */
    static Optional<InnerStatistics> of(
            Chunks chunks, int channels, InferencePlanner planner, Allocator.Frame frame) {
        return planner.usesBatchStatistics()
                ? Optional.of(
                        new InnerStatistics(
                                frame.matrix(3, channels),
                                frame.matrix(2 * chunks.count(planner.batch()), channels)))
                : Optional.empty();
    }
}

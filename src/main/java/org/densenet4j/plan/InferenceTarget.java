package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Columns;

import java.util.Optional;

/**
 * The columns that a node writes in inference.
 *
 * @param columns that it writes
 * @param partials [2·chunks, k] sums of every chunk, where statistics of the batch are taken
 */
public record InferenceTarget(Columns columns, Optional<Matrix> partials) {

    /**
     * Asks for what statistics need.
     *
     * @param chunks that the node works on
     */
    static InferenceTarget of(
            Columns columns, Chunks chunks, InferencePlanner planner, Allocator.Frame frame) {
        return new InferenceTarget(
                columns,
                planner.takesStatistics(columns)
                        ? Optional.of(
                                frame.matrix(2 * chunks.count(planner.batch()), columns.count()))
                        : Optional.empty());
    }

    /** A chunk of the output, dense, in each lane; empty where it is written to its place. */
    Matrix[] chunk(int rows, InferencePlanner planner, Allocator.Frame frame) {
        boolean inPlace = planner.layout(columns).isDense();
        return frame.activations(inPlace ? 0 : rows, columns.count());
    }
}

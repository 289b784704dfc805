package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Norm;

import java.util.Optional;

/**
 * Memory of a batch normalisation in inference.
 *
 * @param norm its tensors
 * @param affine [2, C] scale and shift: made once of running statistics, or in every pass of the
 *     batch's
 * @param parameters [2, C] gamma and beta, where statistics are those of the batch at hand
 */
public record InferenceNorm(Norm norm, Matrix affine, Optional<Matrix> parameters) {

    /**
     * Asks for it.
     *
     * @param name of the buffer
     * @param frame for what only a pass needs
     */
    static InferenceNorm of(
            Norm norm, int channels, String name, InferencePlanner planner, Allocator.Frame frame) {
        if (planner.usesBatchStatistics()) {
            Matrix parameters = planner.weights(name, 2, channels);
            return new InferenceNorm(norm, frame.matrix(2, channels), Optional.of(parameters));
        }
        return new InferenceNorm(norm, planner.weights(name, 2, channels), Optional.empty());
    }
}

package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;

/**
 * Memory of a head's loss. All of it stays readable after the step.
 *
 * @param logits [N, classes]
 * @param logitsGradient [N, classes]
 * @param outcome [1, 2N + slices] what the host wants to know of a step, in one place so that it is
 *     one copy: losses, hits, and the squared norms of slices of the gradients
 * @param labels one 32-bit label per image, as a matrix for its offset
 */
public record LossMemory(Matrix logits, Matrix logitsGradient, Matrix outcome, Matrix labels) {

    static LossMemory of(int classes, Planner planner) {
        Allocator allocator = planner.allocator();
        int batch = planner.batch();
        int end = planner.schedule().last();
        int slices = planner.device().leastChunks();
        return new LossMemory(
                allocator.matrix("logits", Category.FEATURES, batch, classes, 0, end),
                allocator.matrix("logits.gradient", Category.GRADIENTS, batch, classes, 0, end),
                allocator.matrix("outcome", Category.FEATURES, 1, 2 * batch + slices, 0, end),
                allocator.matrix(
                        "labels", Category.FEATURES, 1, batch, 0, planner.schedule().loss()));
    }

    /** Outputs of the head. */
    public int classes() {
        return logits.columns();
    }

    /** The loss of each image [1, N]. */
    public Matrix losses() {
        return outcome.columns(0, batch());
    }

    /** 1 for each image whose highest logit is its label's, else 0 [1, N]. */
    public Matrix hits() {
        return outcome.columns(batch(), batch());
    }

    /** The squared Euclidean norms of slices of all parameter gradients [1, slices]. */
    public Matrix squaredNorms() {
        return outcome.columns(2 * batch(), outcome.columns() - 2 * batch());
    }

    private int batch() {
        return logits.rows();
    }
}

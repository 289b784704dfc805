package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Node;

/**
 * Memory of the loss of a head for whole images that are labelled with vectors.
 *
 * @param logits [N, outputs]
 * @param logitsGradient [N, outputs]
 * @param targets [N, outputs]
 * @param factors [2, outputs] what each output's loss is multiplied by, which each step has its
 *     own, and the weight of target 1
 * @param outcome [1, 2N + slices] losses, hits, and the squared norms of slices of the gradients
 */
public record VectorLossMemory(
        Matrix logits, Matrix logitsGradient, Matrix targets, Matrix factors, Matrix outcome)
        implements LossMemory {

    static VectorLossMemory of(Node head, int outputs, Planner planner) {
        String name = planner.prefixOf(head);
        Allocator allocator = planner.allocator();
        int batch = planner.batch();
        int end = planner.schedule().last();
        int loss = planner.schedule().loss();
        int slices = planner.device().leastChunks();
        return new VectorLossMemory(
                allocator.matrix(name + "logits", Category.FEATURES, batch, outputs, 0, end),
                allocator.matrix(
                        name + "logits.gradient", Category.GRADIENTS, batch, outputs, 0, end),
                allocator.matrix(name + "targets", Category.FEATURES, batch, outputs, 0, loss),
                allocator.matrix(name + "target factors", Category.FEATURES, 2, outputs, 0, loss),
                allocator.matrix(
                        name + "outcome", Category.FEATURES, 1, 2 * batch + slices, 0, end));
    }

    @Override
    public Matrix labels() {
        return targets;
    }

    @Override
    public boolean keepsLogits() {
        return true;
    }

    @Override
    public int labelsPerImage() {
        return 1;
    }

    /** {@return the loss of each image [1, N]} */
    public Matrix losses() {
        return outcome.columns(0, batch());
    }

    /** {@return 1 for each image whose outputs are right, else 0 [1, N]} */
    public Matrix hits() {
        return outcome.columns(batch(), batch());
    }

    @Override
    public Matrix squaredNorms() {
        return outcome.columns(2 * batch(), outcome.columns() - 2 * batch());
    }

    private int batch() {
        return logits.rows();
    }
}

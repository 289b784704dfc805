package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Node;

/**
 * Memory of the loss of a head for whole images.
 *
 * @param logits [N, classes]
 * @param logitsGradient [N, classes]
 * @param outcome [1, 2N + slices] what the host wants to know of a step, in one place so that it is
 *     one copy: losses, hits, and the squared norms of slices of the gradients
 * @param labels one 32-bit label per image, as a matrix for its offset
 */
public record ImageLossMemory(Matrix logits, Matrix logitsGradient, Matrix outcome, Matrix labels)
        implements LossMemory {

    static ImageLossMemory of(Node head, int classes, Planner planner) {
        String name = planner.prefixOf(head);
        Allocator allocator = planner.allocator();
        int batch = planner.batch();
        int end = planner.schedule().last();
        int slices = planner.device().leastChunks();
        return new ImageLossMemory(
                allocator.matrix(name + "logits", Category.FEATURES, batch, classes, 0, end),
                allocator.matrix(
                        name + "logits.gradient", Category.GRADIENTS, batch, classes, 0, end),
                allocator.matrix(
                        name + "outcome", Category.FEATURES, 1, 2 * batch + slices, 0, end),
                allocator.matrix(
                        name + "labels",
                        Category.FEATURES,
                        1,
                        batch,
                        0,
                        planner.schedule().loss()));
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

    /** {@return 1 for each image whose highest logit is its label's, else 0 [1, N]} */
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

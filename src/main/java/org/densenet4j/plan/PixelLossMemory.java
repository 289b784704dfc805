package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.PixelHead;

/**
 * Memory of the loss of a head for every pixel. Logits are as large as features, and give their
 * memory away after the head's backward pass.
 *
 * @param logits [N·H·W, classes]
 * @param logitsGradient [N·H·W, classes]
 * @param labels one 32-bit label per pixel
 * @param scale [1, 1] factor of the gradient: 1/(pixels with a label), which each step has its own
 * @param outcome [1, chunks·(1 + 3·classes) + slices]: the tallies of chunks, and the squared norms
 *     of slices of the gradients
 * @param rows chunks that the loss is taken in
 * @param slices of the gradients
 */
public record PixelLossMemory(
        Matrix logits,
        Matrix logitsGradient,
        Matrix labels,
        Matrix scale,
        Matrix outcome,
        Chunks rows,
        int slices)
        implements LossMemory {

    static PixelLossMemory of(PixelHead node, Chunks rows, Planner planner) {
        String name = planner.prefixOf(node);
        Allocator allocator = planner.allocator();
        Schedule schedule = planner.schedule();
        int forward = schedule.forward(node);
        int backward = schedule.backward(node);
        int end = schedule.last();
        int all = planner.rows(rows.rowsPerImage());
        int classes = node.classes();
        int slices = planner.device().leastChunks();
        int tallies = rows.count(planner.batch()) * (1 + 3 * classes);
        return new PixelLossMemory(
                allocator.matrix(
                        name + "logits", Category.FEATURES, all, classes, forward, backward),
                allocator.matrix(
                        name + "logits.gradient",
                        Category.GRADIENTS,
                        all,
                        classes,
                        forward,
                        backward),
                allocator.matrix(name + "labels", Category.FEATURES, 1, all, 0, schedule.loss()),
                allocator.matrix(name + "label scale", Category.FEATURES, 1, 1, 0, end),
                allocator.matrix(name + "outcome", Category.FEATURES, 1, tallies + slices, 0, end),
                rows,
                slices);
    }

    @Override
    public boolean keepsLogits() {
        return false;
    }

    @Override
    public int labelsPerImage() {
        return rows.rowsPerImage();
    }

    /**
     * {@return sum of losses, and intersection, labelled and predicted pixels of each class, of a
     * chunk}
     *
     * @param chunk number of one of the {@link #rows}
     */
    public Matrix tally(int chunk) {
        int each = 1 + 3 * classes();
        return outcome.columns(chunk * each, each);
    }

    @Override
    public Matrix squaredNorms() {
        return outcome.columns(outcome.columns() - slices, slices);
    }
}

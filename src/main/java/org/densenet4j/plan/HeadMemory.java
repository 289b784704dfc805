package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.spec.HeadShape;

/**
 * Memory of the head: final batch normalisation, global average pool, classifier, loss.
 *
 * @param pooled [N, C]
 * @param logits [N, classes]
 * @param logitsGradient [N, classes]
 * @param outcome [1, 2N + slices] what the host wants to know of a step, in one place so that it is
 *     one copy: losses, hits, and the squared norms of slices of the gradients
 * @param labels one 32-bit label per image, as a matrix for its offset
 * @param pooledGradient [N, C]
 * @param normalised the naive strategy's copy of the BN-ReLU output, else null
 */
public record HeadMemory(
        HeadShape shape,
        Chunks images,
        Matrix pooled,
        Matrix logits,
        Matrix logitsGradient,
        Matrix outcome,
        Matrix labels,
        Matrix pooledGradient,
        Matrix normalised,
        Matrix partials,
        NormScratch norm) {

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

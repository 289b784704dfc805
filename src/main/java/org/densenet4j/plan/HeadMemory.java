package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.spec.HeadShape;

/**
 * Memory of the head: final batch normalisation, global average pool, classifier, loss.
 *
 * @param pooled [N, C]
 * @param logits [N, classes]
 * @param logitsGradient [N, classes]
 * @param losses [1, N]
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
        Matrix losses,
        Matrix labels,
        Matrix pooledGradient,
        Matrix normalised,
        Matrix partials,
        NormScratch norm) {}

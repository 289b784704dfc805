package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.spec.TransitionShape;

/**
 * Memory of a transition. Average pooling and the 1x1 convolution are linear and commute, so the
 * features are pooled first and the convolution does a quarter of the work.
 *
 * @param images chunks of images; the rows counted are those of the larger, incoming side
 * @param normalised the naive strategy's copy of the BN-ReLU output, else null
 */
public record TransitionMemory(
        TransitionShape shape, String name, Chunks images, Matrix normalised, Scratch scratch) {

    /**
     * @param pooled a chunk of the pooled BN-ReLU output
     * @param pooledGradient its gradient
     * @param outputGradient a chunk of the convolution's output gradient, dense
     * @param weightSums one sum of the weight gradient for each lane
     */
    public record Scratch(
            Matrix[] pooled,
            Matrix[] pooledGradient,
            Matrix[] outputGradient,
            Matrix[] weightSums,
            Matrix partials,
            NormScratch norm,
            Matrix correction) {}
}

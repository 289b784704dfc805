package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.spec.StemShape;

/**
 * Memory of the stem.
 *
 * @param images chunks of input images; the rows counted are those of the convolution's output
 * @param convolution the first convolution over one chunk
 * @param output S, the convolution's output [N·H·W, C0] of an ImageNet stem; null where it goes
 *     straight into the first block, or is made again per chunk
 * @param statistics of S [3, C0], ImageNet stem only
 * @param normalised the naive strategy's copy of the BN-ReLU output, else null
 * @param scratch chunk-sized temporaries
 */
public record StemMemory(
        StemShape shape,
        Chunks images,
        ConvolutionShape convolution,
        Matrix output,
        Matrix statistics,
        Matrix normalised,
        Scratch scratch) {

    /**
     * @param output a chunk of the convolution's output
     * @param gradient a chunk of its gradient
     * @param pooledGradient a chunk of the pooled output's gradient, ImageNet stem only
     * @param norm null for a small stem
     * @param correction [3, C0] of the stem's features
     */
    public record Scratch(
            Matrix[] output,
            Matrix[] gradient,
            Matrix[] pooledGradient,
            Matrix packedWeights,
            Matrix packedForBackward,
            Matrix[] weightPart,
            Matrix weightSums,
            Matrix partials,
            NormScratch norm,
            Matrix correction) {}
}

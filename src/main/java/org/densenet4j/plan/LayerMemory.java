package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.spec.LayerShape;

/**
 * Memory of one dense layer. Whole-batch matrices first, then scratch.
 *
 * @param rows chunks of the 1x1 convolution, null without a bottleneck
 * @param images chunks of the 3x3 convolution
 * @param pointwise the 1x1 convolution over one chunk, null without a bottleneck
 * @param convolution the 3x3 convolution over one chunk
 * @param bottleneck Z [N·H·W, 4k] of the forward pass, null without a bottleneck
 * @param bottleneckInBackward Z as the backward pass finds or remakes it
 * @param bottleneckStatistics [3, 4k]
 * @param bottleneckGradient dT [N·H·W, 4k]
 * @param copies what only the naive strategy keeps, else null
 */
public record LayerMemory(
        LayerShape shape,
        String name,
        Chunks rows,
        Chunks images,
        PointwiseShape pointwise,
        ConvolutionShape convolution,
        Matrix bottleneck,
        Matrix bottleneckInBackward,
        Matrix bottleneckStatistics,
        Matrix bottleneckGradient,
        Copies copies,
        Scratch scratch) {

    /**
     * What an autograd framework keeps of a layer beside its convolutions' outputs.
     *
     * @param concatenation [N·H·W, K]
     * @param statistics [3, K], taken anew by every layer
     * @param normalised BN-ReLU output [N·H·W, K]
     * @param bottleneckNormalised BN-ReLU output [N·H·W, 4k], null without a bottleneck
     * @param gradient of the concatenation [N·H·W, K], during the layer's backward pass
     */
    public record Copies(
            Matrix concatenation,
            Matrix statistics,
            Matrix normalised,
            Matrix bottleneckNormalised,
            Matrix gradient) {}

    /**
     * Scratch, reused by every layer.
     *
     * @param normalised a chunk of what the 3x3 convolution reads, dense: the BN-ReLU output T of
     *     Z, or, without a bottleneck, A of the prefix
     * @param normalisedGradient dA of that chunk, null with a bottleneck
     * @param output Y or dY: a chunk of the new features, dense
     * @param packedReduceWeights the 1x1 weights in the device's layout, null without a bottleneck
     *     and for the naive strategy
     * @param reduce what each lane makes of a chunk in the 1x1 convolution, null in the same cases
     * @param reduceWeightSums one sum of the 1x1 weight gradient for each lane, or null
     * @param packedWeights the 3x3 weights in the device's layout
     * @param weightPart a chunk's 3x3 weight gradient
     * @param weightSums one sum of it for each lane
     * @param partials two rows of sums for each chunk; viewed with the columns in use
     */
    public record Scratch(
            Matrix[] normalised,
            Matrix[] normalisedGradient,
            Matrix[] output,
            Matrix packedReduceWeights,
            Matrix[] reduce,
            Matrix[] reduceWeightSums,
            Matrix packedWeights,
            Matrix[] weightPart,
            Matrix weightSums,
            Matrix partials,
            NormScratch norm1,
            NormScratch norm2,
            Matrix correction) {}
}

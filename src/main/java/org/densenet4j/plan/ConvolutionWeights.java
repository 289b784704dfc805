package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Norm;

import java.util.Optional;

/**
 * Memory of a convolution's weights in inference.
 *
 * @param shape of the convolution over one chunk
 * @param packed the weights
 * @param folded the normalisation of the output, with a ReLU, that is in the weights
 * @param shift [2, k]: ones, and the bias or the shift of that normalisation; none without both
 */
public record ConvolutionWeights(
        ConvolutionShape shape, Matrix packed, Optional<Norm> folded, Optional<Matrix> shift) {

    static ConvolutionWeights of(
            ConvolutionLayer node, ConvolutionShape shape, InferencePlanner planner) {
        Optional<Norm> folded = planner.folded().into(node.target());
        return new ConvolutionWeights(
                shape,
                planner.packed(node.name() + ".weights", shape),
                folded,
                folded.isPresent() || node.bias()
                        ? Optional.of(
                                planner.weights(node.name() + ".shift", 2, node.target().count()))
                        : Optional.empty());
    }
}

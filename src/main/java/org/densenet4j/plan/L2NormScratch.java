package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Read;

import java.util.Optional;

/**
 * What an L2 normalisation before a convolution needs beside the chunk that is convolved: it is
 * made again in the backward pass, where NAIVE has not kept it.
 *
 * @param inverses [N·H·W, 1] of the norm of each pixel, while gradients are made
 * @param normalised NAIVE's copy of what is convolved
 */
public record L2NormScratch(Matrix inverses, Optional<Matrix> normalised) {
    /** That of what a node reads; empty where it reads otherwise. */
    static Optional<L2NormScratch> of(
            ConvolutionLayer node, Planner planner, Allocator.Frame frame) {
        Read source = node.source();
        if (!(source instanceof Read.L2Normalised)) {
            return Optional.empty();
        }
        int rows = planner.rows(source.height() * source.width());
        return Optional.of(
                new L2NormScratch(
                        frame.matrix(rows, 1),
                        planner.naiveCopy(node, ".normalised", rows, source.channels())));
    }
}

package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.TransitionUp;

import java.util.Optional;

/**
 * Memory, in inference, of a transition up whose images are worked on in bands of rows. A row of
 * pixels of the output depends on two of what is read.
 *
 * @param node the node whose memory it is
 * @param bands of what is read
 * @param output the same bands of the output, twice as high
 * @param convolution the one that this is the transpose of, to a band and the row above it
 * @param source what it reads
 * @param sourceBand a band of it with the row above, dense, in each lane
 * @param weights packed for that convolution's gradient of its source
 * @param bias [1, out]
 * @param upsampled a band before it is cropped, in each lane
 * @param target columns that it writes
 */
public record BandedTransitionUpInference(
        TransitionUp node,
        Bands bands,
        Chunks output,
        ConvolutionShape convolution,
        InferenceRead source,
        Matrix[] sourceBand,
        Matrix weights,
        Matrix bias,
        Matrix[] upsampled,
        InferenceTarget target)
        implements NodeInference {

    /** Bands, where an image does not fit and the output is twice as high as what is read. */
    static Optional<Bands> bands(TransitionUp node, InferencePlanner planner) {
        int height = node.source().height();
        long bytes =
                planner.bytes(node.source().channels()) + 4 * planner.bytes(node.target().count());
        return node.target().of().height() == 2 * height
                ? planner.bands(height, node.source().width(), bytes, 1)
                : Optional.empty();
    }

    static BandedTransitionUpInference of(
            TransitionUp node, Bands bands, InferencePlanner planner) {
        Allocator.Frame frame = planner.allocator().frame();
        int in = node.source().channels();
        int out = node.target().count();
        int height = 2 * bands.rows() + 3;
        ConvolutionShape convolution =
                planner.convolution(1, height, node.upsampledWidth(), out, in, TransitionUp.WINDOW);
        Chunks output =
                new Chunks(
                        node.target().of().pixels(), 2 * bands.rows() * node.target().of().width());
        return new BandedTransitionUpInference(
                node,
                bands,
                output,
                convolution,
                InferenceRead.of(node.source(), node.name() + ".affine", planner, frame),
                frame.activations((bands.rows() + 1) * bands.width(), in),
                planner.packed(node.name() + ".weights", convolution),
                planner.weights(node.name() + ".bias", 1, out),
                frame.activations(height * node.upsampledWidth(), out),
                InferenceTarget.of(node.target(), output, planner, frame));
    }
}

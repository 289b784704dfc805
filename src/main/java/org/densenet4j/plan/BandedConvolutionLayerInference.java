package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.ConvolutionLayer;

import java.util.Optional;

/**
 * Memory, in inference, of a convolution whose images are worked on in bands of rows.
 *
 * @param bands of an image
 * @param halo rows of pixels that the kernel reads above and below a band
 * @param source what it reads
 * @param sourceBand a band of it with its halo, dense, in each lane
 * @param weights of a convolution over a band with its halo above and below, as if that were an
 *     image: what it gives for the halo is wrong, and not used
 * @param output a band of the output, with its halo, dense, in each lane
 * @param target columns that it writes
 */
public record BandedConvolutionLayerInference(
        ConvolutionLayer node,
        Bands bands,
        int halo,
        InferenceRead source,
        Matrix[] sourceBand,
        ConvolutionWeights weights,
        Matrix[] output,
        InferenceTarget target)
        implements NodeInference {

    /** Bands, where an image does not fit and the convolution keeps its size. */
    static Optional<Bands> bands(ConvolutionLayer node, InferencePlanner planner) {
        return node.window().keepsSize()
                ? planner.bands(
                        node.source().height(),
                        node.source().width(),
                        planner.bytes(node.source().channels() + node.target().count()),
                        1)
                : Optional.empty();
    }

    static BandedConvolutionLayerInference of(
            ConvolutionLayer node, Bands bands, InferencePlanner planner) {
        Allocator.Frame frame = planner.allocator().frame();
        int in = node.source().channels();
        int out = node.target().count();
        int halo = node.window().padding();
        int height = bands.rows() + 2 * halo;
        ConvolutionShape convolution =
                new ConvolutionShape(
                        1,
                        height,
                        bands.width(),
                        in,
                        out,
                        node.window().kernel(),
                        1,
                        halo,
                        planner.precision());
        return new BandedConvolutionLayerInference(
                node,
                bands,
                halo,
                InferenceRead.of(node.source(), node.name() + ".affine1", planner, frame),
                frame.activations(height * bands.width(), in),
                ConvolutionWeights.of(node, convolution, planner),
                frame.activations(height * bands.width(), out),
                InferenceTarget.of(node.target(), bands.chunks(), planner, frame));
    }
}

package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.ConvolutionLayer;

import java.util.Optional;

/**
 * Memory, in inference, of a convolution whose images are worked on in bands of rows.
 *
 * @param node the node whose memory it is
 * @param convolved bands of the output
 * @param source what it reads
 * @param sourceBand what is read for a band, dense, in each lane
 * @param weights of the convolution over one band
 * @param output a band of the output and what comes out around it, dense, in each lane
 * @param target columns that it writes
 */
public record BandedConvolutionLayerInference(
        ConvolutionLayer node,
        ConvolvedBands convolved,
        InferenceRead source,
        Matrix[] sourceBand,
        ConvolutionWeights weights,
        Matrix[] output,
        InferenceTarget target)
        implements NodeInference {

    /** Bands, where an image does not fit, and is higher than the output by the stride. */
    static Optional<Bands> bands(ConvolutionLayer node, InferencePlanner planner) {
        int read = BandedConvolutionLayerMemory.read(node) * node.source().channels();
        return BandedConvolutionLayerMemory.bands(
                node, planner.bytes(read + node.target().count()), planner);
    }

    static BandedConvolutionLayerInference of(
            ConvolutionLayer node, Bands bands, InferencePlanner planner) {
        Allocator.Frame frame = planner.allocator().frame();
        int in = node.source().channels();
        int out = node.target().count();
        ConvolvedBands convolved =
                new ConvolvedBands(
                        bands, node.window(), node.source().height(), node.source().width(), 0, 0);
        ConvolutionShape convolution = convolved.shape(in, out, planner);
        return new BandedConvolutionLayerInference(
                node,
                convolved,
                InferenceRead.of(node.source(), node.name() + ".affine1", planner, frame),
                frame.activations(convolved.readPixels(), in),
                ConvolutionWeights.of(node, convolution, planner),
                frame.activations(convolved.convolvedPixels(), out),
                InferenceTarget.of(node.target(), bands.chunks(), planner, frame));
    }
}

package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.PooledConvolution;

import java.util.Optional;

/**
 * Memory of a convolution with batch normalisation and max-pool behind it, whose images are worked
 * on in bands of rows, in inference.
 *
 * @param node the node whose memory it is
 * @param convolved bands of the convolution's output
 * @param outgoing the same bands of the pooled output, half as high
 * @param convolution over one band
 * @param source what it reads
 * @param sourceBand what is read for a band, dense, in each lane
 * @param weights packed
 * @param norm of the convolution's output; with running statistics its scale is in the weights
 * @param output what comes out of the convolution for a band, in each lane
 * @param pooled a band of the pooled output, with a row above it
 * @param statistics of the convolution's output, where they are those of the batch
 * @param target columns that it writes
 */
public record BandedPooledConvolutionInference(
        PooledConvolution node,
        ConvolvedBands convolved,
        Chunks outgoing,
        ConvolutionShape convolution,
        InferenceRead source,
        Matrix[] sourceBand,
        Matrix weights,
        InferenceNorm norm,
        Matrix[] output,
        Matrix[] pooled,
        Optional<InnerStatistics> statistics,
        InferenceTarget target)
        implements PooledConvolutionInference {
    /** Rows of pixels above a band that the pool reads, rounded up to whole windows. */
    public static final int HALO = 2;

    static BandedPooledConvolutionInference of(
            PooledConvolution node, Bands bands, InferencePlanner planner) {
        int channels = node.target().count();
        int in = node.source().channels();
        Chunks outgoing = bands.halved(node.target().of());
        ConvolvedBands convolved =
                new ConvolvedBands(
                        bands,
                        node.window(),
                        node.source().height(),
                        node.source().width(),
                        HALO,
                        0);
        ConvolutionShape convolution = convolved.shape(in, channels, planner);
        int pooledHeight = (bands.rows() + HALO) / 2;
        Allocator.Frame frame = planner.allocator().frame();
        return new BandedPooledConvolutionInference(
                node,
                convolved,
                outgoing,
                convolution,
                InferenceRead.of(node.source(), node.name() + ".affine1", planner, frame),
                frame.activations(convolved.readPixels(), in),
                planner.packed(node.name() + ".weights", convolution),
                InferenceNorm.of(node.norm(), channels, node.name() + ".affine", planner, frame),
                frame.activations(convolved.convolvedPixels(), channels),
                frame.activations(pooledHeight * node.target().of().width(), channels),
                InnerStatistics.of(bands.chunks(), channels, planner, frame),
                InferenceTarget.of(node.target(), outgoing, planner, frame));
    }

    @Override
    public Chunks chunks() {
        return convolved.bands().chunks();
    }
}

package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.PooledConvolution;

import java.util.Optional;

/**
 * Memory of a convolution with batch normalisation and max-pool behind it, over chunks of images,
 * in inference.
 *
 * @param node the node whose memory it is
 * @param chunks of images; the rows counted are those of the convolution's output
 * @param outgoing the same chunks of the pooled output
 * @param convolution over one chunk
 * @param source what it reads
 * @param sourceChunk a chunk of it, dense, in each lane; empty where it is read in its place
 * @param weights packed
 * @param norm of the convolution's output; with running statistics its scale is in the weights
 * @param output a chunk of the convolution's output, in each lane
 * @param statistics of the convolution's output, where they are those of the batch
 * @param target columns that it writes
 */
public record WholePooledConvolutionInference(
        PooledConvolution node,
        Chunks chunks,
        Chunks outgoing,
        ConvolutionShape convolution,
        InferenceRead source,
        Matrix[] sourceChunk,
        Matrix weights,
        InferenceNorm norm,
        Matrix[] output,
        Optional<InnerStatistics> statistics,
        InferenceTarget target)
        implements PooledConvolutionInference {

    static WholePooledConvolutionInference of(PooledConvolution node, InferencePlanner planner) {
        Allocator.Frame frame = planner.allocator().frame();
        InferenceRead source =
                InferenceRead.of(node.source(), node.name() + ".affine1", planner, frame);
        int channels = node.target().count();
        int pixels = node.convolvedHeight() * node.convolvedWidth();
        int inPixels = node.source().height() * node.source().width();
        long inBytes =
                source.isDense(planner)
                        ? 0
                        : Math.ceilDiv(planner.bytes(source.channels()) * inPixels, pixels);
        Chunks chunks = planner.imageChunks(pixels, inBytes + planner.bytes(channels));
        Chunks outgoing = chunks.ofPixels(node.target().of().pixels());
        ConvolutionShape convolution =
                planner.convolution(
                        chunks.imagesPerChunk(),
                        node.source().height(),
                        node.source().width(),
                        source.channels(),
                        channels,
                        node.window());
        return new WholePooledConvolutionInference(
                node,
                chunks,
                outgoing,
                convolution,
                source,
                source.chunk(chunks.imagesPerChunk() * inPixels, planner, frame),
                planner.packed(node.name() + ".weights", convolution),
                InferenceNorm.of(node.norm(), channels, node.name() + ".affine", planner, frame),
                frame.activations(chunks.rowsPerChunk(), channels),
                InnerStatistics.of(chunks, channels, planner, frame),
                InferenceTarget.of(node.target(), chunks, planner, frame));
    }
}

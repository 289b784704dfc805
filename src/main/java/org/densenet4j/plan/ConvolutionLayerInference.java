package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.ConvolutionLayer;

/**
 * Memory of a convolution in inference.
 *
 * @param node the node whose memory it is
 * @param images chunks of images; the rows counted are those of the convolution's output
 * @param source what it reads
 * @param sourceChunk a chunk of it, dense, in each lane; empty where it is read in its place
 * @param weights of the convolution over one chunk
 * @param output a chunk of the output, dense, in each lane; empty where it is written to its place
 * @param target columns that it writes
 */
public record ConvolutionLayerInference(
        ConvolutionLayer node,
        Chunks images,
        InferenceRead source,
        Matrix[] sourceChunk,
        ConvolutionWeights weights,
        Matrix[] output,
        InferenceTarget target)
        implements NodeInference {

    static ConvolutionLayerInference of(ConvolutionLayer node, InferencePlanner planner) {
        Allocator.Frame frame = planner.allocator().frame();
        InferenceRead source =
                InferenceRead.of(node.source(), node.name() + ".affine1", planner, frame);
        int in = source.channels();
        int out = node.target().count();
        int inPixels = node.source().height() * node.source().width();
        int outPixels = node.target().of().pixels();
        long inBytes =
                source.isDense(planner) ? 0 : Math.ceilDiv(planner.bytes(in) * inPixels, outPixels);
        Chunks images = planner.imageChunks(outPixels, inBytes + planner.bytes(out));
        ConvolutionShape convolution =
                planner.convolution(
                        images.imagesPerChunk(),
                        node.source().height(),
                        node.source().width(),
                        in,
                        out,
                        node.window());
        InferenceTarget target = InferenceTarget.of(node.target(), images, planner, frame);
        return new ConvolutionLayerInference(
                node,
                images,
                source,
                source.chunk(images.imagesPerChunk() * inPixels, planner, frame),
                ConvolutionWeights.of(node, convolution, planner),
                target.chunk(images.rowsPerChunk(), planner, frame),
                target);
    }
}

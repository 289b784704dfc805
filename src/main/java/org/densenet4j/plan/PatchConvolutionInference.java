package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.PatchConvolution;

/**
 * Memory of a convolution of patches in inference.
 *
 * @param node the node whose memory it is
 * @param images chunks of images; the rows counted are those of the convolution's output
 * @param source what it reads
 * @param convolution over one chunk
 * @param weights in the device's layout
 * @param bias [1, k]
 * @param gamma [1, C] of the normalisation
 * @param beta [1, C]
 * @param sourceChunk a chunk of what is convolved, dense, in each lane
 * @param rowStatistics [rows, 2] of what is normalised, of a chunk in each lane
 * @param output a chunk of the output, dense, in each lane
 * @param target columns that it writes
 */
public record PatchConvolutionInference(
        PatchConvolution node,
        Chunks images,
        InferenceRead source,
        ConvolutionShape convolution,
        Matrix weights,
        Matrix bias,
        Matrix gamma,
        Matrix beta,
        Matrix[] sourceChunk,
        Matrix[] rowStatistics,
        Matrix[] output,
        InferenceTarget target)
        implements NodeInference {

    static PatchConvolutionInference of(PatchConvolution node, InferencePlanner planner) {
        Allocator.Frame frame = planner.allocator().frame();
        String name = node.name();
        int in = node.source().channels();
        int out = node.target().count();
        int inPixels = node.source().height() * node.source().width();
        int outPixels = node.target().of().pixels();
        int normalised = node.normalisesInput() ? in : out;
        long inBytes = Math.ceilDiv(planner.bytes(in) * inPixels, outPixels);
        Chunks images = planner.imageChunks(outPixels, inBytes + planner.bytes(out));
        int inRows = images.imagesPerChunk() * inPixels;
        int outRows = images.rowsPerChunk();
        ConvolutionShape convolution =
                planner.convolution(
                        images.imagesPerChunk(),
                        node.source().height(),
                        node.source().width(),
                        in,
                        out,
                        node.window());
        return new PatchConvolutionInference(
                node,
                images,
                InferenceRead.of(node.source(), name + ".affine", planner, frame),
                convolution,
                planner.packed(name + ".weights", convolution),
                planner.weights(name + ".bias", 1, out),
                planner.weights(name + ".gamma", 1, normalised),
                planner.weights(name + ".beta", 1, normalised),
                frame.activations(inRows, in),
                frame.perLane(node.normalisesInput() ? inRows : outRows, 2),
                frame.activations(outRows, out),
                InferenceTarget.of(node.target(), images, planner, frame));
    }
}

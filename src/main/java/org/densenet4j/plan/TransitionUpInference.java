package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.TransitionUp;

/**
 * Memory of a transition up in inference.
 *
 * @param node the node whose memory it is
 * @param images chunks of images; the rows counted are those of what is read
 * @param convolution the one that this is the transpose of: from the upsampled pixels to those read
 * @param source what it reads
 * @param sourceChunk a chunk of it, dense, in each lane; empty where it is read in its place
 * @param weights packed for that convolution's gradient of its source
 * @param bias [1, out]
 * @param upsampled a chunk before it is cropped, in each lane
 * @param target columns that it writes
 */
public record TransitionUpInference(
        TransitionUp node,
        Chunks images,
        ConvolutionShape convolution,
        InferenceRead source,
        Matrix[] sourceChunk,
        Matrix weights,
        Matrix bias,
        Matrix[] upsampled,
        InferenceTarget target)
        implements NodeInference {

    static TransitionUpInference of(TransitionUp node, InferencePlanner planner) {
        int in = node.source().channels();
        int out = node.target().count();
        int pixels = node.source().height() * node.source().width();
        int upsampledPixels = node.upsampledHeight() * node.upsampledWidth();
        Allocator.Frame frame = planner.allocator().frame();
        InferenceRead source =
                InferenceRead.of(node.source(), node.name() + ".affine", planner, frame);
        long inBytes = source.isDense(planner) ? 0 : planner.bytes(in);
        Chunks images =
                planner.imageChunks(
                        pixels,
                        inBytes + Math.ceilDiv(planner.bytes(out) * upsampledPixels, pixels));
        ConvolutionShape convolution =
                planner.convolution(
                        images.imagesPerChunk(),
                        node.upsampledHeight(),
                        node.upsampledWidth(),
                        out,
                        in,
                        TransitionUp.WINDOW);
        return new TransitionUpInference(
                node,
                images,
                convolution,
                source,
                source.chunk(images.rowsPerChunk(), planner, frame),
                planner.packed(node.name() + ".weights", convolution),
                planner.weights(node.name() + ".bias", 1, out),
                frame.activations(images.imagesPerChunk() * upsampledPixels, out),
                InferenceTarget.of(node.target(), images, planner, frame));
    }
}

package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.TransitionUp;

/**
 * Memory of a transition up.
 *
 * @param node the node whose memory it is
 * @param images chunks of images; the rows counted are those of what is read
 * @param convolution the one that this is the transpose of: from the upsampled pixels to those read
 * @param source a chunk of what is read, dense, in each lane
 * @param sourceGradient a chunk of the gradient of what is read
 * @param upsampled a chunk before it is cropped, and later its gradient
 * @param output a chunk of the output, dense, and later its gradient
 * @param scratch of the convolution
 * @param biasSums one sum of the bias gradient for each lane
 * @param partials two rows of sums for each chunk; viewed with the columns in use
 * @param correction [3, C'] of the outgoing features' gradient
 */
public record TransitionUpMemory(
        TransitionUp node,
        Chunks images,
        ConvolutionShape convolution,
        Matrix[] source,
        Matrix[] sourceGradient,
        Matrix[] upsampled,
        Matrix[] output,
        ConvolutionScratch scratch,
        Matrix biasSums,
        Matrix partials,
        Matrix correction)
        implements NodeMemory {

    static TransitionUpMemory of(TransitionUp node, Planner planner) {
        int in = node.source().channels();
        int out = node.target().count();
        int inPixels = node.source().height() * node.source().width();
        int outPixels = node.target().of().pixels();
        int upsampledPixels = node.upsampledHeight() * node.upsampledWidth();
        long bytes =
                2 * planner.bytes(in) * inPixels
                        + planner.bytes(out) * ((long) outPixels + upsampledPixels);
        Chunks images = planner.imageChunks(inPixels, Math.ceilDiv(bytes, inPixels));
        int count = images.imagesPerChunk();
        ConvolutionShape convolution =
                planner.convolution(
                        count,
                        node.upsampledHeight(),
                        node.upsampledWidth(),
                        out,
                        in,
                        TransitionUp.WINDOW);
        Allocator.Frame frame = planner.allocator().frame();
        return new TransitionUpMemory(
                node,
                images,
                convolution,
                frame.activations(images.rowsPerChunk(), in),
                frame.activations(images.rowsPerChunk(), in),
                frame.activations(count * upsampledPixels, out),
                frame.activations(count * outPixels, out),
                ConvolutionScratch.in(frame, convolution, planner),
                frame.rowPerLane(out),
                frame.vector(2 * images.count(planner.batch()) * out),
                frame.matrix(3, out));
    }
}

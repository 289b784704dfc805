package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Read;

import java.util.Optional;

/**
 * Memory of a convolution: scratch alone, since nothing but its output is ever stored.
 *
 * @param node the node whose memory it is
 * @param images chunks of images; the rows counted are those of the convolution's output
 * @param convolution over one chunk
 * @param source a chunk of what is convolved, dense, in each lane: BN-ReLU of the prefix; without
 *     rows where it is there already
 * @param sourceGradient its gradient
 * @param output Y or dY: a chunk of the output, dense, in each lane
 * @param scratch of the convolution
 * @param partials two rows of sums for each chunk; viewed with the columns in use
 * @param norm of the source
 * @param l2Norm of the source, where it is read so
 * @param biasSums one sum of the bias gradient for each lane; without columns where there is none
 * @param correction [3, k] of the output's gradient
 */
public record ConvolutionLayerMemory(
        ConvolutionLayer node,
        Chunks images,
        ConvolutionShape convolution,
        Matrix[] source,
        Matrix[] sourceGradient,
        Matrix[] output,
        ConvolutionScratch scratch,
        Matrix partials,
        NormScratch norm,
        Optional<L2NormScratch> l2Norm,
        Matrix biasSums,
        Matrix correction)
        implements NodeMemory {

    static ConvolutionLayerMemory of(ConvolutionLayer node, Planner planner) {
        return of(node, planner, planner.isWholeInput(node.source()));
    }

    /** For NAIVE, which keeps all that is convolved, and its gradient, as matrices of the batch. */
    static ConvolutionLayerMemory withoutSource(ConvolutionLayer node, Planner planner) {
        return of(node, planner, true);
    }

    private static ConvolutionLayerMemory of(
            ConvolutionLayer node, Planner planner, boolean sourceIsThere) {
        Read source = node.source();
        int in = source.channels();
        int out = node.target().count();
        int outPixels = node.target().of().pixels();
        int inPixels = source.height() * source.width();
        // The images are dense already, and only wanted gradients of them are ever made.
        boolean dense = planner.isWholeInput(source);
        long inBytes = dense ? 0 : Math.ceilDiv(planner.bytes(in) * inPixels, outPixels);
        Chunks images = planner.imageChunks(outPixels, 2 * (inBytes + planner.bytes(out)));
        ConvolutionShape convolution =
                planner.convolution(
                        images.imagesPerChunk(),
                        source.height(),
                        source.width(),
                        in,
                        out,
                        node.window());
        Allocator.Frame frame = planner.allocator().frame();
        int inRows = sourceIsThere ? 0 : images.imagesPerChunk() * inPixels;
        return new ConvolutionLayerMemory(
                node,
                images,
                convolution,
                frame.activations(inRows, in),
                frame.activations(inRows, in),
                frame.activations(images.rowsPerChunk(), out),
                ConvolutionScratch.in(frame, convolution, planner),
                frame.vector(2 * images.count(planner.batch()) * Math.max(in, out)),
                NormScratch.in(frame, source.isNormalised() ? in : 0),
                L2NormScratch.of(node, planner, frame),
                frame.rowPerLane(node.bias() ? out : 0),
                frame.matrix(3, out));
    }
}

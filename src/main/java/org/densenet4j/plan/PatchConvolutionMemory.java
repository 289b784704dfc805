package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.PatchConvolution;

import java.util.Optional;

/**
 * Memory of a convolution of patches with a layer normalisation: scratch alone, but for what NAIVE
 * keeps of what is normalised.
 *
 * @param node the node whose memory it is
 * @param images chunks of images; the rows counted are those of the convolution's output
 * @param convolution over one chunk
 * @param source a chunk of what is convolved, dense, in each lane
 * @param sourceGradient its gradient
 * @param output a chunk of the convolution's output, dense, in each lane
 * @param outputGradient its gradient
 * @param rowStatistics [rows, 2] of the layer normalisation, of a chunk in each lane
 * @param scratch of the convolution
 * @param packedForward the weights in the layout of the forward pass, beside the scratch's
 * @param normSums [2, C], one sum of the normalisation's gradients for each lane
 * @param biasSums one sum of the bias gradient for each lane
 * @param concatenation NAIVE's copy of what is normalised before the convolution
 * @param normalised NAIVE's copy of that behind the normalisation
 * @param convolved NAIVE's copy of what is normalised behind the convolution
 * @param partials two rows of sums for each chunk; viewed with the columns in use
 * @param correction [3, k] of the output's gradient
 */
public record PatchConvolutionMemory(
        PatchConvolution node,
        Chunks images,
        ConvolutionShape convolution,
        Matrix[] source,
        Matrix[] sourceGradient,
        Matrix[] output,
        Matrix[] outputGradient,
        Matrix[] rowStatistics,
        ConvolutionScratch scratch,
        Matrix packedForward,
        Matrix[] normSums,
        Matrix biasSums,
        Optional<Matrix> concatenation,
        Optional<Matrix> normalised,
        Optional<Matrix> convolved,
        Matrix partials,
        Matrix correction)
        implements NodeMemory {

    static PatchConvolutionMemory of(PatchConvolution node, Planner planner) {
        int in = node.source().channels();
        int out = node.target().count();
        int inPixels = node.source().height() * node.source().width();
        int outPixels = node.target().of().pixels();
        boolean before = node.normalisesInput();
        long inBytes = Math.ceilDiv(planner.bytes(in) * inPixels, outPixels);
        Chunks images = planner.imageChunks(outPixels, 2 * (inBytes + planner.bytes(out)));
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
        int batchRows = planner.rows(inPixels);
        Allocator.Frame frame = planner.allocator().frame();
        return new PatchConvolutionMemory(
                node,
                images,
                convolution,
                frame.activations(inRows, in),
                frame.activations(inRows, in),
                frame.activations(outRows, out),
                frame.activations(outRows, out),
                frame.perLane(before ? inRows : outRows, 2),
                ConvolutionScratch.in(frame, convolution, planner),
                frame.vector(Allocator.floats(planner.memory(convolution).packedWeights())),
                frame.perLane(2, before ? in : out),
                frame.rowPerLane(out),
                before
                        ? planner.naiveCopy(node, ".concatenation", batchRows, in)
                        : Optional.empty(),
                before ? planner.naiveCopy(node, ".normalised", batchRows, in) : Optional.empty(),
                before
                        ? Optional.empty()
                        : planner.naiveCopy(node, ".convolved", planner.rows(outPixels), out),
                frame.vector(2 * images.count(planner.batch()) * Math.max(in, out)),
                frame.matrix(3, out));
    }
}

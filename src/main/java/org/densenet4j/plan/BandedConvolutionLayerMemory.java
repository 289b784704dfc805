package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Read;

import java.util.Optional;

/**
 * Memory of a convolution whose images are worked on in bands of rows.
 *
 * @param node the node whose memory it is
 * @param convolved bands of the output
 * @param gradientAbove rows of pixels above a band whose gradient reaches what is beside it
 * @param gradientBelow the same below
 * @param convolution over one band
 * @param source what is convolved for a band, dense, in each lane
 * @param sourceGradient its gradient
 * @param output Y or dY of a band and what comes out around it, dense, in each lane
 * @param scratch of the convolution
 * @param partials two rows of sums for each band; viewed with the columns in use
 * @param norm of the source
 * @param l2Norm of the source, where it is read so
 * @param biasSums one sum of the bias gradient for each lane; without columns where there is none
 * @param correction [3, k] of the output's gradient
 */
public record BandedConvolutionLayerMemory(
        ConvolutionLayer node,
        ConvolvedBands convolved,
        int gradientAbove,
        int gradientBelow,
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

    /** Bands, where an image does not fit, and is higher than the output by the stride. */
    static Optional<Bands> bands(ConvolutionLayer node, Planner planner) {
        int in = node.source().channels();
        long scratch = planner.bytes(read(node) * in + node.target().count());
        // With a stride more rows are read around a band, so that whole images pay longer.
        return bands(node, node.window().stride() == 1 ? 2 * scratch : scratch, planner);
    }

    /**
     * The same for inference, too.
     *
     * @param perPixel bytes of scratch of one pixel of the output
     */
    static Optional<Bands> bands(ConvolutionLayer node, long perPixel, NodePlanner planner) {
        Features output = node.target().of();
        return node.source().height() == node.window().stride() * output.height()
                ? planner.bands(output.height(), output.width(), perPixel, 1)
                : Optional.empty();
    }

    /** Pixels that are read for one pixel of the output. */
    static int read(ConvolutionLayer node) {
        return node.window().stride() * node.window().stride();
    }

    static BandedConvolutionLayerMemory of(ConvolutionLayer node, Bands bands, Planner planner) {
        int in = node.source().channels();
        int out = node.target().count();
        Read source = node.source();
        int stride = node.window().stride();
        int padding = node.window().padding();
        // Output row r reads rows from s·r − p on, k of them.
        int gradientAbove = (node.window().kernel() - 1 - padding) / stride;
        int gradientBelow = Math.ceilDiv(padding, stride);
        ConvolvedBands convolved =
                new ConvolvedBands(
                        bands,
                        node.window(),
                        source.height(),
                        source.width(),
                        Math.max(0, gradientAbove - Math.ceilDiv(padding, stride)),
                        gradientBelow - padding / stride);
        ConvolutionShape convolution = convolved.shape(in, out, planner);
        int count = bands.chunks().count(planner.batch());
        Allocator.Frame frame = planner.allocator().frame();
        return new BandedConvolutionLayerMemory(
                node,
                convolved,
                gradientAbove,
                gradientBelow,
                convolution,
                frame.activations(convolved.readPixels(), in),
                frame.activations(convolved.readPixels(), in),
                frame.activations(convolved.convolvedPixels(), out),
                ConvolutionScratch.in(frame, convolution, planner),
                frame.vector(2 * count * Math.max(in, out)),
                NormScratch.in(frame, node.source().isNormalised() ? in : 0),
                L2NormScratch.of(node, planner, frame),
                frame.rowPerLane(node.bias() ? out : 0),
                frame.matrix(3, out));
    }
}

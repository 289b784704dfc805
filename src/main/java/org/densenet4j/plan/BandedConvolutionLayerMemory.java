package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Read;

import java.util.Optional;

/**
 * Memory of a convolution whose images are worked on in bands of rows.
 *
 * @param bands of an image
 * @param halo rows of pixels that the kernel reads above and below a band
 * @param convolution over a band with its halo above and below, as if that were an image: what it
 *     gives for the halo is wrong, and not used
 * @param source a band of what is convolved, with its halo, dense, in each lane
 * @param sourceGradient its gradient
 * @param output Y or dY of a band, with its halo, dense, in each lane
 * @param scratch of the convolution
 * @param partials two rows of sums for each band; viewed with the columns in use
 * @param norm of the source
 * @param biasSums one sum of the bias gradient for each lane; without columns where there is none
 * @param correction [3, k] of the output's gradient
 */
public record BandedConvolutionLayerMemory(
        ConvolutionLayer node,
        Bands bands,
        int halo,
        ConvolutionShape convolution,
        Matrix[] source,
        Matrix[] sourceGradient,
        Matrix[] output,
        ConvolutionScratch scratch,
        Matrix partials,
        NormScratch norm,
        Matrix biasSums,
        Matrix correction)
        implements NodeMemory {

    /** Bands, where an image does not fit and the convolution keeps its size. */
    static Optional<Bands> bands(ConvolutionLayer node, Planner planner) {
        if (!node.window().keepsSize()) {
            return Optional.empty();
        }
        Read source = node.source();
        long perPixel = 2 * planner.bytes(source.channels() + node.target().count());
        return planner.bands(source.height(), source.width(), perPixel, 1);
    }

    static BandedConvolutionLayerMemory of(ConvolutionLayer node, Bands bands, Planner planner) {
        int in = node.source().channels();
        int out = node.target().count();
        int halo = node.window().padding();
        int height = bands.rows() + 2 * halo;
        int rows = height * bands.width();
        ConvolutionShape convolution =
                new ConvolutionShape(
                        1,
                        height,
                        bands.width(),
                        in,
                        out,
                        node.window().kernel(),
                        1,
                        halo,
                        planner.precision());
        int count = bands.chunks().count(planner.batch());
        Allocator.Frame frame = planner.allocator().frame();
        return new BandedConvolutionLayerMemory(
                node,
                bands,
                halo,
                convolution,
                frame.activations(rows, in),
                frame.activations(rows, in),
                frame.activations(rows, out),
                ConvolutionScratch.in(frame, convolution, planner),
                frame.vector(2 * count * Math.max(in, out)),
                NormScratch.in(frame, node.source() instanceof Read.Normalised ? in : 0),
                frame.rowPerLane(node.bias() ? out : 0),
                frame.matrix(3, out));
    }
}

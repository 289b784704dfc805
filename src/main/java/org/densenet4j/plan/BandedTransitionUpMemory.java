package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.TransitionUp;
import org.densenet4j.graph.Window;

import java.util.Optional;

/**
 * Memory of a transition up whose images are worked on in bands of rows. An output row depends on
 * two rows of pixels that are read, and the other way round.
 *
 * @param node the node whose memory it is
 * @param bands of what is read
 * @param output the same bands of the output, twice as high
 * @param forward the convolution that this is the transpose of, to a band and the row above it
 * @param backward the same to a band alone
 * @param source a band of what is read with the row above it, dense, in each lane
 * @param sourceGradient a band of its gradient
 * @param upsampled a band before it is cropped, and later its gradient
 * @param cropped a band of the output, dense, or of its gradient with the row below it
 * @param forwardScratch of the convolution to a band and the row above it
 * @param backwardScratch of the convolution to a band alone
 * @param biasSums one sum of the bias gradient for each lane
 * @param partials two rows of sums for each band; viewed with the columns in use
 * @param correction [3, C'] of the outgoing features' gradient
 */
public record BandedTransitionUpMemory(
        TransitionUp node,
        Bands bands,
        Chunks output,
        ConvolutionShape forward,
        ConvolutionShape backward,
        Matrix[] source,
        Matrix[] sourceGradient,
        Matrix[] upsampled,
        Matrix[] cropped,
        ConvolutionScratch forwardScratch,
        ConvolutionScratch backwardScratch,
        Matrix biasSums,
        Matrix partials,
        Matrix correction)
        implements NodeMemory {

    /** Bands, where an image does not fit and the output is twice as high as what is read. */
    static Optional<Bands> bands(TransitionUp node, Planner planner) {
        int height = node.source().height();
        if (node.target().of().height() != 2 * height) {
            return Optional.empty();
        }
        long bytes =
                2 * planner.bytes(node.source().channels())
                        + 8 * planner.bytes(node.target().count());
        return planner.bands(height, node.source().width(), bytes, 1);
    }

    static BandedTransitionUpMemory of(TransitionUp node, Bands bands, Planner planner) {
        int in = node.source().channels();
        int out = node.target().count();
        int width = node.target().of().width();
        int rows = bands.rows();
        ConvolutionShape forward = convolution(node, 2 * rows + 3, planner);
        ConvolutionShape backward = convolution(node, 2 * rows + 1, planner);
        int count = bands.chunks().count(planner.batch());
        Allocator.Frame frame = planner.allocator().frame();
        return new BandedTransitionUpMemory(
                node,
                bands,
                new Chunks(node.target().of().pixels(), 2 * rows * width),
                forward,
                backward,
                frame.activations((rows + 1) * bands.width(), in),
                frame.activations(rows * bands.width(), in),
                frame.activations((2 * rows + 3) * node.upsampledWidth(), out),
                frame.activations((2 * rows + 1) * width, out),
                ConvolutionScratch.in(frame, forward, planner),
                ConvolutionScratch.in(frame, backward, planner),
                frame.rowPerLane(out),
                frame.vector(2 * count * out),
                frame.matrix(3, out));
    }

    private static ConvolutionShape convolution(TransitionUp node, int height, Planner planner) {
        Window window = TransitionUp.WINDOW;
        return planner.convolution(
                1,
                height,
                node.upsampledWidth(),
                node.target().count(),
                node.source().channels(),
                window);
    }
}

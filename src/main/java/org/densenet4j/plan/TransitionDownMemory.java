package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PoolShape;
import org.densenet4j.graph.TransitionDown;

import java.util.Optional;

/**
 * Memory of a transition down. The convolution's output is made again to find where the pool's
 * maxima were.
 *
 * @param node the node whose memory it is
 * @param chunks of images, or of bands of their rows; the rows counted are those of the larger,
 *     incoming side
 * @param pooled the same chunks of the outgoing side
 * @param pool over the convolution's output of an image, or of a band
 * @param normalised the naive strategy's copy of the BN-ReLU output
 * @param convolved the naive strategy's copy of the convolution's output
 * @param source a chunk of the BN-ReLU output, dense, in each lane, and later its gradient
 * @param convolution a chunk of the convolution's output, dense
 * @param dropped the same behind dropout, and later its gradient
 * @param outputGradient a chunk of the pooled output's gradient
 * @param weightSums one sum of the weight gradient for each lane
 * @param biasSums one sum of the bias gradient for each lane
 * @param partials two rows of sums for each chunk; viewed with the columns in use
 * @param dropPartial two rows of sums, of no use, that dropping elements takes, in each lane
 * @param norm of the incoming features
 * @param correction [3, C'] of the outgoing features' gradient
 */
public record TransitionDownMemory(
        TransitionDown node,
        Chunks chunks,
        Chunks pooled,
        PoolShape pool,
        Optional<Matrix> normalised,
        Optional<Matrix> convolved,
        Matrix[] source,
        Matrix[] convolution,
        Matrix[] dropped,
        Matrix[] outputGradient,
        Matrix[] weightSums,
        Matrix biasSums,
        Matrix partials,
        Matrix[] dropPartial,
        NormScratch norm,
        Matrix correction)
        implements NodeMemory {

    static TransitionDownMemory of(TransitionDown node, Planner planner) {
        int in = node.source().channels();
        int out = node.target().count();
        int width = node.source().width();
        int pixels = node.source().height() * width;
        int rows = planner.rows(pixels);
        Optional<Matrix> normalised = planner.naiveCopy(node, ".normalised", rows, in);
        Optional<Matrix> convolved = planner.naiveCopy(node, ".convolution", rows, out);
        long bytes = planner.bytes(in + 2 * out);
        HalvedChunks cut =
                HalvedChunks.of(node.source(), node.target().of(), bytes, bytes, planner);
        Chunks chunks = cut.chunks();
        Chunks pooled = cut.halved();
        int chunkRows = chunks.rowsPerChunk();
        Allocator.Frame frame = planner.allocator().frame();
        Matrix[] source = frame.activations(chunkRows, in);
        Matrix[] convolution = frame.activations(chunkRows, out);
        planner.noteProducts(pixels, source[0], convolution[0], convolution[0], source[0]);
        return new TransitionDownMemory(
                node,
                chunks,
                pooled,
                new PoolShape(cut.height(), width, 2, 2, 2, 0, false),
                normalised,
                convolved,
                source,
                convolution,
                frame.activations(chunkRows, out),
                frame.activations(pooled.rowsPerChunk(), out),
                frame.perLane(out, in),
                frame.rowPerLane(out),
                frame.vector(2 * chunks.count(planner.batch()) * Math.max(in, out)),
                frame.perLane(2, out),
                NormScratch.in(frame, in),
                frame.matrix(3, out));
    }
}

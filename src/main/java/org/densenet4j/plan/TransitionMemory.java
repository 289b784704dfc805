package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Transition;

import java.util.Optional;

/**
 * Memory of a transition. Average pooling and the 1x1 convolution are linear and commute, so the
 * features are pooled first and the convolution does a quarter of the work.
 *
 * @param node the node whose memory it is
 * @param chunks of images, or of bands of their rows; the rows counted are those of the larger,
 *     incoming side
 * @param outgoing the same chunks of the outgoing side
 * @param height rows of pixels of an image, or of a band, of the incoming side
 * @param normalised the naive strategy's copy of the BN-ReLU output
 * @param pooled a chunk of the pooled BN-ReLU output
 * @param pooledGradient its gradient
 * @param outputGradient a chunk of the convolution's output gradient, dense
 * @param weightSums one sum of the weight gradient for each lane
 * @param partials two rows of sums for each chunk; viewed with the columns in use
 * @param norm of the incoming features
 * @param correction [3, C'] of the outgoing features' gradient
 */
public record TransitionMemory(
        Transition node,
        Chunks chunks,
        Chunks outgoing,
        int height,
        Optional<Matrix> normalised,
        Matrix[] pooled,
        Matrix[] pooledGradient,
        Matrix[] outputGradient,
        Matrix[] weightSums,
        Matrix partials,
        NormScratch norm,
        Matrix correction)
        implements NodeMemory {

    static TransitionMemory of(Transition node, Planner planner) {
        int in = node.source().channels();
        int out = node.target().count();
        int outPixels = node.target().of().pixels();
        Optional<Matrix> normalised =
                planner.naiveCopy(
                        node,
                        ".normalised",
                        planner.rows(node.source().height() * node.source().width()),
                        in);
        long scratch = Math.ceilDiv(planner.bytes(2 * in + out), 4);
        HalvedChunks cut =
                HalvedChunks.of(
                        node.source(), node.target().of(), scratch, planner.bytes(in), planner);
        Chunks outgoing = cut.halved();
        int pooledRows = outgoing.rowsPerChunk();
        Allocator.Frame frame = planner.allocator().frame();
        Matrix[] pooled = frame.alignedActivations(pooledRows, in);
        Matrix[] pooledGradient = frame.alignedActivations(pooledRows, in);
        Matrix[] outputGradient = frame.alignedActivations(pooledRows, out);
        planner.noteProducts(
                outPixels,
                pooled[0],
                planner.layout(node.target()).rows(0, pooledRows),
                outputGradient[0],
                pooledGradient[0]);
        return new TransitionMemory(
                node,
                cut.chunks(),
                outgoing,
                cut.height(),
                normalised,
                pooled,
                pooledGradient,
                outputGradient,
                frame.perLane(out, in),
                frame.vector(2 * cut.chunks().count(planner.batch()) * Math.max(in, out)),
                NormScratch.in(frame, in),
                frame.matrix(3, out));
    }
}

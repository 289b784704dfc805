package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Transition;

/**
 * Memory of a transition in inference.
 *
 * @param node the node whose memory it is
 * @param chunks of images, or of bands of their rows; the rows counted are those of the larger,
 *     incoming side
 * @param outgoing the same chunks of the outgoing side
 * @param height rows of pixels of an image, or of a band, of the incoming side
 * @param source what it reads
 * @param weights [out, C]
 * @param pooled a chunk of the pooled BN-ReLU output, in each lane
 * @param target columns that it writes
 */
public record TransitionInference(
        Transition node,
        Chunks chunks,
        Chunks outgoing,
        int height,
        InferenceRead source,
        Matrix weights,
        Matrix[] pooled,
        InferenceTarget target)
        implements NodeInference {

    static TransitionInference of(Transition node, InferencePlanner planner) {
        int in = node.source().channels();
        int out = node.target().count();
        int outPixels = node.target().of().pixels();
        long scratch = Math.ceilDiv(planner.bytes(in), 4);
        HalvedChunks cut =
                HalvedChunks.of(
                        node.source(), node.target().of(), scratch, planner.bytes(in), planner);
        Chunks outgoing = cut.halved();
        Allocator.Frame frame = planner.allocator().frame();
        Matrix[] pooled = frame.alignedActivations(outgoing.rowsPerChunk(), in);
        planner.noteProductByTransposed(outPixels, pooled[0], planner.layout(node.target()));
        return new TransitionInference(
                node,
                cut.chunks(),
                outgoing,
                cut.height(),
                InferenceRead.of(node.source(), node.name() + ".affine", planner, frame),
                planner.operand(node.name() + ".weights", out, in),
                pooled,
                InferenceTarget.of(node.target(), outgoing, planner, frame));
    }
}

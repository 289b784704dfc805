package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PoolShape;
import org.densenet4j.graph.TransitionDown;

/**
 * Memory of a transition down in inference.
 *
 * @param node the node whose memory it is
 * @param chunks of images, or of bands of their rows; the rows counted are those of the larger,
 *     incoming side
 * @param pooled the same chunks of the outgoing side
 * @param pool over the convolution's output of an image, or of a band
 * @param source what it reads
 * @param sourceChunk a chunk of it, dense, in each lane
 * @param weights [out, C]
 * @param bias [1, out]
 * @param convolved a chunk of the convolution's output, in each lane
 * @param target columns that it writes
 */
public record TransitionDownInference(
        TransitionDown node,
        Chunks chunks,
        Chunks pooled,
        PoolShape pool,
        InferenceRead source,
        Matrix[] sourceChunk,
        Matrix weights,
        Matrix bias,
        Matrix[] convolved,
        InferenceTarget target)
        implements NodeInference {

    static TransitionDownInference of(TransitionDown node, InferencePlanner planner) {
        int in = node.source().channels();
        int out = node.target().count();
        int width = node.source().width();
        int pixels = node.source().height() * width;
        long bytes = planner.bytes(in + out);
        HalvedChunks cut =
                HalvedChunks.of(node.source(), node.target().of(), bytes, bytes, planner);
        Chunks chunks = cut.chunks();
        Chunks pooled = cut.halved();
        Allocator.Frame frame = planner.allocator().frame();
        Matrix[] source = frame.activations(chunks.rowsPerChunk(), in);
        Matrix[] convolved = frame.activations(chunks.rowsPerChunk(), out);
        planner.noteProductByTransposed(pixels, source[0], convolved[0]);
        return new TransitionDownInference(
                node,
                chunks,
                pooled,
                new PoolShape(cut.height(), width, 2, 2, 2, 0, false),
                InferenceRead.of(node.source(), node.name() + ".affine", planner, frame),
                source,
                planner.operand(node.name() + ".weights", out, in),
                planner.weights(node.name() + ".bias", 1, out),
                convolved,
                InferenceTarget.of(node.target(), pooled, planner, frame));
    }
}

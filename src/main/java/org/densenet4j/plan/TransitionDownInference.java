package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PoolShape;
import org.densenet4j.graph.TransitionDown;

/**
 * Memory of a transition down in inference.
 *
 * @param images chunks of images; the rows counted are those of the larger, incoming side
 * @param pool over the convolution's output
 * @param source what it reads
 * @param sourceChunk a chunk of it, dense, in each lane
 * @param weights [out, C]
 * @param bias [1, out]
 * @param convolved a chunk of the convolution's output, in each lane
 * @param target columns that it writes
 */
public record TransitionDownInference(
        TransitionDown node,
        Chunks images,
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
        int height = node.source().height();
        int width = node.source().width();
        int pixels = height * width;
        Chunks images = planner.imageChunks(pixels, planner.bytes(in + out));
        Allocator.Frame frame = planner.allocator().frame();
        Matrix[] source = frame.activations(images.rowsPerChunk(), in);
        Matrix[] convolved = frame.activations(images.rowsPerChunk(), out);
        planner.noteProduct(pixels, source[0], convolved[0]);
        return new TransitionDownInference(
                node,
                images,
                new PoolShape(height, width, 2, 2, 2, 0, false),
                InferenceRead.of(node.source(), node.name() + ".affine", planner, frame),
                source,
                planner.operand(node.name() + ".weights", out, in),
                planner.weights(node.name() + ".bias", 1, out),
                convolved,
                InferenceTarget.of(node.target(), images, planner, frame));
    }
}

package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Transition;

/**
 * Memory of a transition in inference.
 *
 * @param images chunks of images; the rows counted are those of the larger, incoming side
 * @param source what it reads
 * @param weights [out, C]
 * @param pooled a chunk of the pooled BN-ReLU output, in each lane
 * @param target columns that it writes
 */
public record TransitionInference(
        Transition node,
        Chunks images,
        InferenceRead source,
        Matrix weights,
        Matrix[] pooled,
        InferenceTarget target)
        implements NodeInference {

    static TransitionInference of(Transition node, InferencePlanner planner) {
        int in = node.source().channels();
        int out = node.target().count();
        int pixels = node.source().height() * node.source().width();
        int outPixels = node.target().of().pixels();
        Chunks images = planner.imageChunks(pixels, planner.bytes(in));
        Allocator.Frame frame = planner.allocator().frame();
        Matrix[] pooled = frame.alignedActivations(images.imagesPerChunk() * outPixels, in);
        planner.noteProduct(outPixels, pooled[0], planner.layout(node.target()));
        return new TransitionInference(
                node,
                images,
                InferenceRead.of(node.source(), node.name() + ".affine", planner, frame),
                planner.operand(node.name() + ".weights", out, in),
                pooled,
                InferenceTarget.of(node.target(), images, planner, frame));
    }
}

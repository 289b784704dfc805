package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PoolShape;
import org.densenet4j.graph.Pooling;
import org.densenet4j.graph.Window;

/**
 * Memory of a pool in inference.
 *
 * @param node the node whose memory it is
 * @param images chunks of images; the rows counted are those of the output
 * @param shape of the pool; where a blur follows, of the pool before it
 * @param source what it reads
 * @param sourceChunk a chunk of it, dense, in each lane; empty where it is pooled in its place
 * @param between a chunk of what is between a pool and its blur; empty where nothing is
 * @param target columns that it writes
 */
public record PoolingInference(
        Pooling node,
        Chunks images,
        PoolShape shape,
        InferenceRead source,
        Matrix[] sourceChunk,
        Matrix[] between,
        InferenceTarget target)
        implements NodeInference {

    static PoolingInference of(Pooling node, InferencePlanner planner) {
        Allocator.Frame frame = planner.allocator().frame();
        InferenceRead source =
                InferenceRead.of(node.source(), node.name() + ".affine", planner, frame);
        int channels = source.channels();
        int height = node.source().height();
        int width = node.source().width();
        int outPixels = node.target().of().pixels();
        boolean blurs = node.kind() == Pooling.Kind.MAX_THEN_BLUR;
        int made =
                (source.isPlain() || isIdentity(node) ? 0 : height * width)
                        + (blurs ? height * width : 0)
                        + outPixels;
        Chunks images =
                planner.imageChunks(
                        outPixels, Math.ceilDiv(planner.bytes(channels) * made, outPixels));
        int inRows = images.imagesPerChunk() * height * width;
        return new PoolingInference(
                node,
                images,
                new PoolShape(
                        height,
                        width,
                        node.window().kernel(),
                        node.window().kernel(),
                        blurs ? 1 : node.window().stride(),
                        node.window().padding(),
                        node.kind() == Pooling.Kind.MAX_OF_ALL),
                source,
                frame.activations(source.isPlain() || isIdentity(node) ? 0 : inRows, channels),
                frame.activations(blurs ? inRows : 0, channels),
                InferenceTarget.of(node.target(), images, planner, frame));
    }

    /** {@return whether a window is one pixel: what is read goes to the target as it is} */
    public boolean isIdentity() {
        return isIdentity(node);
    }

    private static boolean isIdentity(Pooling node) {
        return node.window().equals(Window.POINT);
    }
}

package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PoolShape;
import org.densenet4j.graph.Pooling;
import org.densenet4j.graph.Read;

import java.util.Optional;

/**
 * Memory of a pool.
 *
 * @param node the node whose memory it is
 * @param images chunks of images; the rows counted are those of the output
 * @param shape of the pool; where a blur follows, of the pool before it
 * @param normalised the naive strategy's copy of what is pooled
 * @param source a chunk of what is pooled, dense, in each lane
 * @param between a chunk of what is between a pool and its blur; empty where nothing is
 * @param sourceGradient a chunk of the source's gradient
 * @param outputGradient a chunk of the output's gradient, dense
 * @param partials two rows of sums for each chunk; viewed with the columns in use
 * @param norm of the source
 * @param correction [3, C] of the output's gradient
 */
public record PoolingMemory(
        Pooling node,
        Chunks images,
        PoolShape shape,
        Optional<Matrix> normalised,
        Matrix[] source,
        Matrix[] between,
        Matrix[] sourceGradient,
        Matrix[] outputGradient,
        Matrix partials,
        NormScratch norm,
        Matrix correction)
        implements NodeMemory {

    static PoolingMemory of(Pooling node, Planner planner) {
        Read source = node.source();
        int channels = source.channels();
        int inPixels = source.height() * source.width();
        int outPixels = node.target().of().pixels();
        boolean blurs = node.kind() == Pooling.Kind.MAX_THEN_BLUR;
        boolean normalises = source.isNormalised();
        int stored = (blurs ? 4 : 2) * inPixels + outPixels;
        Chunks images =
                planner.imageChunks(
                        outPixels, Math.ceilDiv(planner.bytes(channels) * stored, outPixels));
        int inRows = images.imagesPerChunk() * inPixels;
        Allocator.Frame frame = planner.allocator().frame();
        return new PoolingMemory(
                node,
                images,
                new PoolShape(
                        source.height(),
                        source.width(),
                        node.window().kernel(),
                        node.window().kernel(),
                        blurs ? 1 : node.window().stride(),
                        node.window().padding(),
                        node.kind() == Pooling.Kind.MAX_OF_ALL),
                normalises
                        ? planner.naiveCopy(node, ".normalised", planner.rows(inPixels), channels)
                        : Optional.empty(),
                frame.activations(inRows, channels),
                frame.activations(blurs ? 2 * inRows : 0, channels),
                frame.activations(inRows, channels),
                frame.activations(images.rowsPerChunk(), channels),
                frame.vector(2 * images.count(planner.batch()) * channels),
                NormScratch.in(frame, normalises ? channels : 0),
                frame.matrix(3, channels));
    }
}

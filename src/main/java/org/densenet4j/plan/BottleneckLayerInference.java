package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.LearnedGroups;

import java.util.Optional;

/**
 * Memory of a dense layer with a bottleneck, in inference. Z exists for as many images as the lanes
 * work on at once, or, where its statistics are those of the batch, for all.
 *
 * @param node the node whose memory it is
 * @param condensed groups of the 1x1 convolution whose inputs condensation has left, each in
 *     1/factor of the prefix; empty where all outputs read all of it
 * @param group images whose Z exists at one time
 * @param rows chunks of the 1x1 convolution
 * @param images chunks of the 3x3 convolution; the rows counted are those of its output
 * @param pointwise the 1x1 convolution over one chunk
 * @param convolution the 3x3 convolution over one chunk
 * @param bottleneck Z of a group of images [group·H·W, 4k]
 * @param source the prefix
 * @param weights1 [4k, K], or the same in the device's own layout
 * @param norm2 of Z; with running statistics its scale is in the weights
 * @param weights of the 3x3 convolution, packed
 * @param reduce what the 1x1 convolution works in, in each lane
 * @param output a chunk of the new features, in each lane
 * @param statistics of Z, where they are those of the batch
 * @param target columns that it writes
 */
public record BottleneckLayerInference(
        BottleneckLayer node,
        Optional<LearnedGroups> condensed,
        int group,
        Chunks rows,
        Chunks images,
        PointwiseShape pointwise,
        ConvolutionShape convolution,
        Matrix bottleneck,
        InferenceRead source,
        Matrix weights1,
        InferenceNorm norm2,
        Matrix weights,
        Matrix[] reduce,
        Matrix[] output,
        Optional<InnerStatistics> statistics,
        InferenceTarget target)
        implements NodeInference {

    static BottleneckLayerInference of(BottleneckLayer node, InferencePlanner planner) {
        String name = node.name();
        int now = planner.schedule().forward(node);
        int pixels = node.innerPixels();
        int outPixels = node.target().of().pixels();
        int prefix = node.prefixChannels();
        int width = node.width();
        int k = node.growthRate();
        long ofZ = Math.ceilDiv(planner.bytes(width) * pixels, outPixels);
        Chunks images = planner.imageChunks(outPixels, ofZ + planner.bytes(k));
        Chunks rows = planner.rowChunks(pixels, planner.bytes(prefix + width));
        int perLane = Math.max(images.imagesPerChunk(), Math.max(1, rows.imagesPerChunk()));
        int group =
                planner.usesBatchStatistics()
                        ? planner.batch()
                        : Math.min(planner.batch(), perLane * planner.device().lanes());
        ConvolutionShape convolution =
                planner.convolution(
                        images.imagesPerChunk(),
                        node.source().height(),
                        node.source().width(),
                        width,
                        k,
                        node.window());
        Matrix bottleneck =
                planner.allocator()
                        .activations(
                                name + ".bottleneck",
                                Category.WORKSPACE,
                                Math.multiplyExact(group, pixels),
                                width,
                                now,
                                now);
        PointwiseShape whole =
                new PointwiseShape(rows.rowsPerChunk(), prefix, width, planner.precision());
        Optional<LearnedGroups> condensed = planner.condensed(node.conv1());
        PointwiseShape pointwise =
                condensed
                        .map(learned -> whole.inGroups(learned.groups(), learned.left(prefix)))
                        .orElse(whole);
        Allocator.Frame frame = planner.allocator().frame();
        return new BottleneckLayerInference(
                node,
                condensed,
                group,
                rows,
                images,
                pointwise,
                convolution,
                bottleneck,
                InferenceRead.of(node.source(), name + ".affine1", planner, frame),
                planner.packed(name + ".weights1", pointwise, pixels),
                InferenceNorm.of(node.norm2(), width, name + ".affine2", planner, frame),
                planner.packed(name + ".weights", convolution),
                frame.perLane(
                        1, Allocator.floats(planner.device().memory(pointwise).forwardChunk())),
                frame.activations(images.rowsPerChunk(), k),
                InnerStatistics.of(rows, width, planner, frame),
                InferenceTarget.of(node.target(), images, planner, frame));
    }
}

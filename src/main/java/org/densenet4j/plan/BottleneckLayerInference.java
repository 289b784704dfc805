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
 * @param appends whether the device has one that writes its columns of the block, which needs no
 *     scratch ({@link org.densenet4j.backend.DeviceArena#appended})
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
        boolean appends,
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
        int width = node.width();
        int k = node.growthRate();
        ConvolutionShape ofBatch =
                planner.convolution(
                        planner.batch(),
                        node.source().height(),
                        node.source().width(),
                        width,
                        k,
                        node.window());
        Optional<Matrix> toAppend =
                planner.packedToAppend(name + ".weights", ofBatch, node.target());
        boolean appends = toAppend.isPresent();
        long ofZ = Math.ceilDiv(planner.bytes(width) * pixels, outPixels);
        Chunks images = planner.imageChunks(outPixels, appends ? ofZ : ofZ + planner.bytes(k));
        Optional<LearnedGroups> condensed = planner.condensed(node.conv1());
        PointwiseShape whole = pointwise(node, condensed, planner);
        Chunks rows =
                planner.device().takesWholeBatch(whole)
                        ? images.ofPixels(pixels)
                        : planner.rowChunks(pixels, planner.bytes(node.prefixChannels() + width));
        int perLane = Math.max(images.imagesPerChunk(), Math.max(1, rows.imagesPerChunk()));
        int group =
                planner.usesBatchStatistics()
                        ? planner.batch()
                        : Math.min(planner.batch(), perLane * planner.device().lanes());
        ConvolutionShape convolution = ofBatch.withImages(images.imagesPerChunk());
        Matrix bottleneck =
                planner.allocator()
                        .activations(
                                name + ".bottleneck",
                                Category.WORKSPACE,
                                Math.multiplyExact(group, pixels),
                                width,
                                now,
                                now);
        PointwiseShape pointwise = whole.withRows(rows.rowsPerChunk());
        Allocator.Frame frame = planner.allocator().frame();
        return new BottleneckLayerInference(
                node,
                condensed,
                group,
                rows,
                images,
                pointwise,
                convolution,
                appends,
                bottleneck,
                InferenceRead.of(node.source(), name + ".affine1", planner, frame),
                planner.packed(name + ".weights1", pointwise, pixels),
                InferenceNorm.of(node.norm2(), width, name + ".affine2", planner, frame),
                toAppend.orElseGet(() -> planner.packed(name + ".weights", convolution)),
                frame.perLane(
                        1, Allocator.floats(planner.device().memory(pointwise).forwardChunk())),
                frame.activations(appends ? 0 : images.rowsPerChunk(), k),
                InnerStatistics.of(rows, width, planner, frame),
                InferenceTarget.of(node.target(), images, planner, frame));
    }

    /** The 1x1 convolution over the whole batch. */
    private static PointwiseShape pointwise(
            BottleneckLayer node, Optional<LearnedGroups> condensed, InferencePlanner planner) {
        int prefix = node.prefixChannels();
        PointwiseShape ofAll =
                new PointwiseShape(
                        planner.rows(node.innerPixels()),
                        prefix,
                        node.width(),
                        planner.precision(),
                        planner.startsRowsOn16Bytes(node.source().ranges().getFirst()));
        return condensed
                .map(learned -> ofAll.inGroups(learned.groups(), learned.left(prefix)))
                .orElse(ofAll);
    }
}

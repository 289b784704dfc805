package org.densenet4j.plan;

import org.densenet4j.backend.LayerHalf;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseMemory;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Columns;

import java.util.Optional;

/**
 * Memory of a dense layer with a bottleneck. Whole-batch matrices first, then scratch, which all
 * nodes use in turn.
 *
 * @param node the node whose memory it is
 * @param rows chunks of the 1x1 convolution
 * @param pointwise the 1x1 convolution over one chunk
 * @param bottleneck Z [N·H·W, 4k] of the forward pass
 * @param bottleneckInBackward Z as the backward pass finds or remakes it
 * @param bottleneckStatistics [3, 4k]
 * @param bottleneckGradient dT [N·H·W, 4k]
 * @param convolution the 3x3 half
 * @param blockDiagonal its weights where they are in groups
 * @param packedWeights1 the 1x1 weights in the device's layout; empty for NAIVE
 * @param pointwiseChunk what each lane makes of a chunk in the 1x1 convolution; empty for NAIVE
 * @param weight1Sums one sum of the 1x1 weight gradient for each lane; none where one lane has the
 *     whole batch, which adds to the gradient itself
 * @param partials two rows of sums for each chunk; viewed with the columns in use
 * @param norm1 of the prefix
 * @param norm2 of Z
 * @param correction [3, k] of the new features' gradient
 */
public record BottleneckLayerMemory(
        BottleneckLayer node,
        Chunks rows,
        PointwiseShape pointwise,
        Matrix bottleneck,
        Matrix bottleneckInBackward,
        Matrix bottleneckStatistics,
        Matrix bottleneckGradient,
        BottleneckConvolutionMemory convolution,
        Optional<BlockDiagonal> blockDiagonal,
        Matrix packedWeights1,
        Matrix[] pointwiseChunk,
        Matrix[] weight1Sums,
        Matrix partials,
        NormScratch norm1,
        NormScratch norm2,
        Matrix correction)
        implements NodeMemory {

    static BottleneckLayerMemory of(BottleneckLayer node, Planner planner) {
        Allocator allocator = planner.allocator();
        int forward = planner.schedule().forward(node);
        int kept = planner.schedule().keeps(node);
        int width = node.width();
        int rows = planner.rows(node.innerPixels());
        String z = node.name() + ".bottleneck";
        boolean again = planner.strategy() == MemoryStrategy.RECOMPUTE;
        Matrix bottleneck =
                allocator.activations(
                        z,
                        again ? Category.WORKSPACE : Category.BOTTLENECKS,
                        rows,
                        width,
                        forward,
                        again ? forward : kept);
        Matrix inBackward =
                again
                        ? planner.backwardOnly(node, z + ".again", Category.WORKSPACE, rows, width)
                        : bottleneck;
        Matrix statistics =
                allocator.matrix(z + ".statistics", Category.BOTTLENECKS, 3, width, forward, kept);
        Matrix gradient =
                planner.backwardOnly(node, z + ".gradient", Category.WORKSPACE, rows, width);
        return withScratch(node, planner, bottleneck, inBackward, statistics, gradient);
    }

    private static BottleneckLayerMemory withScratch(
            BottleneckLayer node,
            Planner planner,
            Matrix bottleneck,
            Matrix bottleneckInBackward,
            Matrix bottleneckStatistics,
            Matrix bottleneckGradient) {
        int batch = planner.batch();
        int pixels = node.innerPixels();
        int prefix = node.prefixChannels();
        int width = node.width();
        int k = node.growthRate();
        // The naive strategy multiplies what it has stored.
        boolean fused = planner.strategy() != MemoryStrategy.NAIVE;
        Columns read = node.source().ranges().getFirst();
        PointwiseShape whole =
                new PointwiseShape(
                        planner.rows(pixels),
                        prefix,
                        width,
                        planner.precision(),
                        planner.startsRowsOn16Bytes(read));
        Chunks chunks = planner.rowChunks(pixels, 2 * planner.bytes(prefix + width));
        boolean wholeBatch = fused && planner.device().takesWholeBatch(whole);
        if (wholeBatch && !planner.fuses(bottleneck(whole, chunks, planner.layout(read)))) {
            wholeBatch = false;
            whole = whole.asComposed();
        }
        Chunks rows = wholeBatch ? planner.wholeBatch(pixels) : chunks;
        PointwiseShape pointwise = whole.withRows(rows.rowsPerChunk());
        PointwiseMemory p = new PointwiseMemory(0, 0, 0, 0, 0);
        if (fused) {
            p = planner.memory(pointwise, pixels);
        } else {
            Matrix a = Matrix.dense(0, pointwise.rows(), prefix, planner.precision());
            Matrix zRows = Matrix.dense(0, pointwise.rows(), width, planner.precision());
            planner.noteProducts(pixels, a, zRows, zRows, a);
        }
        Allocator.Frame frame = planner.allocator().frame();
        BottleneckConvolutionMemory convolution = convolution(node, planner, frame);
        int partials =
                Math.max(
                        convolution.chunks().count(batch) * Math.max(width, k),
                        rows.count(batch) * Math.max(width, prefix));
        return new BottleneckLayerMemory(
                node,
                rows,
                pointwise,
                bottleneck,
                bottleneckInBackward,
                bottleneckStatistics,
                bottleneckGradient,
                convolution,
                BlockDiagonal.of(node, frame),
                frame.vector(Allocator.floats(p.packedWeights())),
                frame.perLane(1, Allocator.floats(p.chunk())),
                wholeBatch ? new Matrix[0] : frame.perLane(width, prefix),
                frame.vector(2 * partials),
                NormScratch.in(frame, prefix),
                NormScratch.in(frame, width),
                frame.matrix(3, k));
    }

    private static LayerHalf bottleneck(PointwiseShape whole, Chunks chunks, Matrix read) {
        return new LayerHalf.Bottleneck(whole, chunks.rowsPerChunk(), read.stride());
    }

    /**
     * The whole batch where the device keeps T and Y to itself, bands where an image is far larger
     * than the cache, whole images otherwise, and for NAIVE, which keeps all of T.
     */
    private static BottleneckConvolutionMemory convolution(
            BottleneckLayer node, Planner planner, Allocator.Frame frame) {
        if (planner.strategy() == MemoryStrategy.NAIVE) {
            return BottleneckConvolutionMemory.OfImages.of(node, planner, frame);
        }
        Optional<BottleneckConvolutionMemory.Appended> appended =
                BottleneckConvolutionMemory.Appended.of(node, planner, frame);
        if (appended.isPresent()) {
            return appended.get();
        }
        return BottleneckConvolutionMemory.OfBands.bands(node, planner)
                .<BottleneckConvolutionMemory>map(
                        bands ->
                                BottleneckConvolutionMemory.OfBands.of(node, bands, planner, frame))
                .orElseGet(() -> BottleneckConvolutionMemory.OfImages.of(node, planner, frame));
    }
}

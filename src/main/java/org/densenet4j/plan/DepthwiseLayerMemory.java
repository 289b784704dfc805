package org.densenet4j.plan;

import org.densenet4j.backend.DepthwiseShape;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.DepthwiseLayer;

import java.util.Optional;

/**
 * Memory of a depthwise layer. A chunk is of whole images, since kernels reach seven rows and gates
 * average over images; what lies between the depthwise convolution and the new channels, which is
 * far wider, is worked on in parts of a chunk where there is no gate.
 *
 * <p>RECOMPUTE keeps nothing, SHARED the depthwise convolution's output and the middle before its
 * GELU, and NAIVE what an autograd framework does, as far as nothing of it is the same.
 *
 * @param node the node whose memory it is
 * @param images chunks of images
 * @param rowsPerPart rows of a part of a chunk
 * @param middlePerBlock channels of the middle that are worked on at a time, from the product that
 *     makes them to those that take them
 * @param shape of the depthwise convolution
 * @param concatenation NAIVE's copy of the prefix
 * @param mixed output of the depthwise convolution [N·H·W, K]
 * @param normalised the same behind the layer normalisation; its scratch is for a part
 * @param rowStatistics [rows, 2] of the layer normalisation, of a chunk in each lane
 * @param middle output of the first 1x1 convolution [N·H·W, width]; its scratch is for a part
 * @param activated the same behind GELU; its scratch is for a part
 * @param output of the second 1x1 convolution [N·H·W, k]
 * @param outputGradient dY of a chunk, with its scales, in each lane
 * @param scaled what is appended, and the gradient behind the scales, of a chunk in each lane
 * @param middleGradient of a part and a block of the middle, in each lane
 * @param mixedGradient of a chunk, in each lane
 * @param middleProducts with the two weights
 * @param taps [kernel·kernel, K]: the depthwise weights as they are convolved with
 * @param tapGradient the same of their gradient
 * @param sums of gradients for each lane
 * @param products [images, k] of a chunk, in each lane
 * @param factors [images, 1] of drop path, in each lane
 * @param gate none without a gate
 * @param partials two rows of sums for each chunk
 * @param correction [3, k] of the new features' gradient
 */
public record DepthwiseLayerMemory(
        DepthwiseLayer node,
        Chunks images,
        int rowsPerPart,
        int middlePerBlock,
        DepthwiseShape shape,
        Optional<Matrix> concatenation,
        Intermediate mixed,
        Intermediate normalised,
        Matrix[] rowStatistics,
        Intermediate middle,
        Intermediate activated,
        Intermediate output,
        Matrix[] outputGradient,
        Matrix[] scaled,
        Matrix[] middleGradient,
        Matrix[] mixedGradient,
        MiddleProducts middleProducts,
        Matrix taps,
        Matrix tapGradient,
        Sums sums,
        Matrix[] products,
        Matrix[] factors,
        Optional<DepthwiseGateMemory> gate,
        Matrix partials,
        Matrix correction)
        implements NodeMemory {

    /**
     * One sum of each gradient for each lane.
     *
     * @param taps [kernel·kernel, K]
     * @param depthwiseBias [1, K]
     * @param norm [2, K]: beta's and gamma's
     * @param expansion [width, K]
     * @param expansionBias [1, width]
     * @param projection [k, width]
     * @param projectionBias [1, k]
     * @param scale [1, k]
     */
    public record Sums(
            Matrix[] taps,
            Matrix depthwiseBias,
            Matrix[] norm,
            Matrix[] expansion,
            Matrix expansionBias,
            Matrix[] projection,
            Matrix projectionBias,
            Matrix scale) {

        static Sums in(Allocator.Frame frame, DepthwiseLayer node) {
            int channels = node.prefixChannels();
            int k = node.growthRate();
            return new Sums(
                    frame.perLane(node.kernel() * node.kernel(), channels),
                    frame.rowPerLane(channels),
                    frame.perLane(2, channels),
                    frame.perLane(node.width(), channels),
                    frame.rowPerLane(node.width()),
                    frame.perLane(k, node.width()),
                    frame.rowPerLane(k),
                    frame.rowPerLane(k));
        }
    }

    static DepthwiseLayerMemory of(DepthwiseLayer node, Planner planner) {
        boolean naive = planner.strategy() == MemoryStrategy.NAIVE;
        boolean keeps = planner.strategy() != MemoryStrategy.RECOMPUTE;
        int pixels = node.target().of().pixels();
        int channels = node.prefixChannels();
        int width = node.width();
        int k = node.growthRate();
        long ofPart = planner.bytes(channels + 2 * width);
        long ofChunk = planner.bytes((keeps ? 1 : 2) * channels + 3 * k);
        boolean gated = node.gate().isPresent();
        Chunks images =
                gated
                        ? planner.imageChunks(
                                pixels, ofChunk + ofPart, planner.bytes(channels * width))
                        : planner.imageChunks(pixels, ofChunk);
        int rows = images.rowsPerChunk();
        int part = gated ? rows : Math.min(rows, planner.rowChunks(pixels, ofPart).rowsPerChunk());
        int block = planner.columnsInCache(part, width);
        Allocator.Frame frame = planner.allocator().frame();
        Category inner = Category.BOTTLENECKS;
        Category copies = Category.COPIES;
        Intermediate normalised =
                Intermediate.of(node, ".normalised", copies, naive, part, channels, planner, frame);
        Intermediate middle =
                Intermediate.of(node, ".middle", inner, keeps, part, width, planner, frame);
        Intermediate activated =
                Intermediate.of(node, ".activated", copies, naive, part, width, planner, frame);
        Intermediate output =
                Intermediate.of(node, ".output", copies, naive, rows, k, planner, frame);
        Matrix[] scaled = frame.activations(rows, k);
        Matrix[] middleGradient = frame.activations(part, block);
        Matrix[] mixedGradient = frame.activations(rows, channels);
        DepthwiseLayerMemory memory =
                new DepthwiseLayerMemory(
                        node,
                        images,
                        part,
                        block,
                        new DepthwiseShape(
                                node.source().height(), node.source().width(), node.kernel()),
                        planner.naiveCopy(node, ".concatenation", planner.rows(pixels), channels),
                        Intermediate.of(
                                node, ".mixed", inner, keeps, rows, channels, planner, frame),
                        normalised,
                        frame.perLane(rows, 2),
                        middle,
                        activated,
                        output,
                        frame.activations(rows, k),
                        scaled,
                        middleGradient,
                        mixedGradient,
                        MiddleProducts.of(
                                normalised.layout(part),
                                middle.layout(part),
                                activated.layout(part),
                                output.layout(part),
                                scaled[0].rows(0, part),
                                middleGradient[0],
                                mixedGradient[0].rows(0, part),
                                !naive,
                                frame,
                                planner),
                        frame.matrix(node.kernel() * node.kernel(), channels),
                        frame.matrix(node.kernel() * node.kernel(), channels),
                        Sums.in(frame, node),
                        frame.perLane(images.imagesPerChunk(), k),
                        frame.perLane(images.imagesPerChunk(), 1),
                        gated
                                ? Optional.of(
                                        DepthwiseGateMemory.of(
                                                node, images.imagesPerChunk(), planner, frame))
                                : Optional.empty(),
                        frame.vector(2 * images.count(planner.batch()) * k),
                        frame.matrix(3, k));
        memory.noteProducts(planner, Math.min(part, pixels));
        return memory;
    }

    private void noteProducts(Planner planner, int shortest) {
        int last = node.width() % middlePerBlock;
        for (int count : new int[] {middlePerBlock, last == 0 ? middlePerBlock : last}) {
            for (int rows : new int[] {rowsPerPart, Math.min(rowsPerPart, shortest)}) {
                noteProducts(planner, rows, count);
            }
        }
    }

    /** Products of some rows with a block of the middle. */
    private void noteProducts(Planner planner, int rows, int count) {
        Matrix x = normalised.layout(rows);
        Matrix h = middle.layout(rows).columns(0, count);
        Matrix a = activated.layout(rows).columns(0, count);
        Matrix y = output.layout(rows);
        Matrix dY = scaled[0].rows(0, rows);
        Matrix dH = middleGradient[0].rows(0, rows).columns(0, count);
        Matrix dX = mixedGradient[0].rows(0, rows);
        Matrix expansion = Matrix.dense(0, count, x.columns(), x.type());
        Matrix projection = Matrix.dense(0, y.columns(), node.width(), x.type()).columns(0, count);
        Matrix expansionSum = sums.expansion()[0].rows(0, count);
        Matrix projectionSum = sums.projection()[0].columns(0, count);
        planner.noteProduct(GemmShape.of(x, false, expansion, true, h, false));
        planner.noteProduct(GemmShape.of(dY, true, a, false, projectionSum, true));
        planner.noteProduct(GemmShape.of(dY, false, projection, false, dH, false));
        planner.noteProduct(GemmShape.of(dH, true, x, false, expansionSum, true));
        for (boolean add : new boolean[] {false, true}) {
            planner.noteProduct(GemmShape.of(a, false, projection, true, y, add));
            planner.noteProduct(GemmShape.of(dH, false, expansion, false, dX, add));
        }
    }
}

package org.densenet4j.plan;

import org.densenet4j.backend.DepthwiseShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.DepthwiseLayer;

import java.util.Optional;

/**
 * Memory of a depthwise layer in inference: chunks of whole images, and parts of them as in
 * training.
 *
 * @param node the node whose memory it is
 * @param images chunks of images
 * @param rowsPerPart rows of a part of a chunk
 * @param middlePerBlock channels of the middle that are worked on at a time, from the product that
 *     makes them to the one that takes them
 * @param shape of the depthwise convolution
 * @param source what it reads
 * @param weights of the layer
 * @param mixed a chunk of the depthwise convolution's output, in each lane
 * @param rowStatistics [rows, 2] of a part, in each lane
 * @param normalised a part behind the layer normalisation, in each lane
 * @param middle a part and a block of the middle, in each lane
 * @param output a chunk of the new channels, in each lane
 * @param middleProducts with the two weights
 * @param means [images, k] of a chunk, in each lane
 * @param logits [images, k] of the gate, in each lane
 * @param factors [images, 1] of ones
 * @param target columns that it writes
 */
public record DepthwiseLayerInference(
        DepthwiseLayer node,
        Chunks images,
        int rowsPerPart,
        int middlePerBlock,
        DepthwiseShape shape,
        Columns source,
        Weights weights,
        Matrix[] mixed,
        Matrix[] rowStatistics,
        Matrix[] normalised,
        Matrix[] middle,
        Matrix[] output,
        MiddleProducts middleProducts,
        Matrix[] means,
        Matrix[] logits,
        Matrix[] factors,
        InferenceTarget target)
        implements NodeInference {

    /**
     * The layer's weights.
     *
     * @param taps [kernel·kernel, K] of the depthwise convolution
     * @param depthwiseBias [1, K]
     * @param gamma [1, K]
     * @param beta [1, K]
     * @param expansion [K, width], as products read it, stored as activations are
     * @param expansionBias [1, width]
     * @param projection [width, k], as products read it, stored as activations are
     * @param projectionBias [1, k]
     * @param gate [k, k]; none without a gate
     * @param gateBias [1, k]; none without a gate
     * @param scale [1, k]
     */
    public record Weights(
            Matrix taps,
            Matrix depthwiseBias,
            Matrix gamma,
            Matrix beta,
            Matrix expansion,
            Matrix expansionBias,
            Matrix projection,
            Matrix projectionBias,
            Optional<Matrix> gate,
            Optional<Matrix> gateBias,
            Matrix scale) {

        static Weights of(DepthwiseLayer node, InferencePlanner planner) {
            String name = node.name();
            int channels = node.prefixChannels();
            int width = node.width();
            int k = node.growthRate();
            return new Weights(
                    planner.weights(name + ".taps", node.kernel() * node.kernel(), channels),
                    planner.weights(name + ".depthwise.bias", 1, channels),
                    planner.weights(name + ".gamma", 1, channels),
                    planner.weights(name + ".beta", 1, channels),
                    planner.operand(name + ".expansion", channels, width),
                    planner.weights(name + ".expansion.bias", 1, width),
                    planner.operand(name + ".projection", width, k),
                    planner.weights(name + ".projection.bias", 1, k),
                    node.gate().map(_ -> planner.weights(name + ".gate", k, k)),
                    node.gate().map(_ -> planner.weights(name + ".gate.bias", 1, k)),
                    planner.weights(name + ".scale", 1, k));
        }
    }

    static DepthwiseLayerInference of(DepthwiseLayer node, InferencePlanner planner) {
        int pixels = node.target().of().pixels();
        int channels = node.prefixChannels();
        int width = node.width();
        int k = node.growthRate();
        long weightBytes = planner.bytes(channels * width);
        Chunks images = planner.imageChunks(pixels, planner.bytes(channels + k), weightBytes);
        int rows = images.rowsPerChunk();
        int ofImages = images.imagesPerChunk();
        int part =
                Math.min(
                        rows,
                        planner.rowChunks(pixels, planner.bytes(channels + width), weightBytes)
                                .rowsPerChunk());
        int block = planner.columnsInCache(part, width);
        Allocator.Frame frame = planner.allocator().frame();
        boolean gated = node.gate().isPresent();
        Matrix[] normalised = frame.activations(part, channels);
        Matrix[] middle = frame.activations(part, block);
        Matrix[] output = frame.activations(rows, k);
        DepthwiseLayerInference memory =
                new DepthwiseLayerInference(
                        node,
                        images,
                        part,
                        block,
                        new DepthwiseShape(
                                node.source().height(), node.source().width(), node.kernel()),
                        node.source().ranges().getFirst(),
                        Weights.of(node, planner),
                        frame.activations(rows, channels),
                        frame.perLane(part, 2),
                        normalised,
                        middle,
                        output,
                        MiddleProducts.ofInference(
                                width,
                                normalised[0],
                                middle[0],
                                output[0].rows(0, part),
                                frame,
                                planner),
                        frame.perLane(gated ? ofImages : 0, k),
                        frame.perLane(gated ? ofImages : 0, k),
                        frame.perLane(ofImages, 1),
                        InferenceTarget.of(node.target(), images, planner, frame));
        memory.noteProducts(planner, Math.min(part, pixels));
        if (part < rows && rows % part > 0) {
            memory.noteProducts(planner, rows % part);
        }
        if (gated) {
            planner.noteProductByTransposed(1, memory.means[0], memory.logits[0]);
        }
        return memory;
    }

    private void noteProducts(InferencePlanner planner, int shortest) {
        int last = node.width() % middlePerBlock;
        for (int count : new int[] {middlePerBlock, last == 0 ? middlePerBlock : last}) {
            Matrix block = middle[0].columns(0, count);
            Matrix y = output[0].rows(0, rowsPerPart);
            planner.noteProduct(shortest, normalised[0], node.width(), block, false);
            planner.noteProduct(shortest, block, y.columns(), y, false);
            planner.noteProduct(shortest, block, y.columns(), y, true);
        }
    }
}

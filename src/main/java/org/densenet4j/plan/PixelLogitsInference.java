package org.densenet4j.plan;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.PixelLogits;

/**
 * Memory of a head that reads its logits, in inference.
 *
 * @param node the node whose memory it is
 * @param rows chunks of rows
 * @param source what it reads
 * @param sourceChunk a chunk of it as activations are stored, in each lane; empty where that is
 *     float32, as logits are
 * @param logits [N·H·W, classes]
 */
public record PixelLogitsInference(
        PixelLogits node, Chunks rows, InferenceRead source, Matrix[] sourceChunk, Matrix logits)
        implements HeadInference {

    static PixelLogitsInference of(PixelLogits node, InferencePlanner planner) {
        int channels = node.classes();
        int pixels = node.source().height() * node.source().width();
        boolean floats = planner.precision() == DataType.FLOAT32;
        Chunks rows = planner.rowChunks(pixels, planner.bytes(channels) + 4L * channels);
        Allocator.Frame frame = planner.allocator().frame();
        return new PixelLogitsInference(
                node,
                rows,
                InferenceRead.of(node.source(), node.name() + ".affine", planner, frame),
                frame.activations(floats ? 0 : rows.rowsPerChunk(), channels),
                planner.results(
                        planner.prefixOf(node) + "logits", node, planner.rows(pixels), channels));
    }

    @Override
    public String name() {
        return node.name();
    }

    @Override
    public int logitRowsPerImage() {
        return rows.rowsPerImage();
    }
}

package org.densenet4j.plan;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.PixelLogits;
import org.densenet4j.graph.Read;

/**
 * Memory of a head that reads its logits.
 *
 * @param node the node whose memory it is
 * @param rows chunks of rows
 * @param source a chunk of what is read as activations are stored, in each lane, and later its
 *     gradient; without rows where that is float32, as logits are
 * @param loss its logits, their gradient and what becomes of them
 * @param partials two rows of sums for each chunk
 * @param norm of the source
 */
public record PixelLogitsMemory(
        PixelLogits node,
        Chunks rows,
        Matrix[] source,
        PixelLossMemory loss,
        Matrix partials,
        NormScratch norm)
        implements NodeMemory {

    static PixelLogitsMemory of(PixelLogits node, Planner planner) {
        Read source = node.source();
        int channels = source.channels();
        boolean floats = planner.precision() == DataType.FLOAT32;
        Chunks rows =
                planner.rowChunks(
                        source.height() * source.width(),
                        2 * planner.bytes(channels) + 8L * channels);
        Allocator.Frame frame = planner.allocator().frame();
        return new PixelLogitsMemory(
                node,
                rows,
                frame.activations(floats ? 0 : rows.rowsPerChunk(), channels),
                PixelLossMemory.of(node, rows, planner),
                frame.vector(2 * rows.count(planner.batch()) * channels),
                NormScratch.in(frame, source.isNormalised() ? channels : 0));
    }
}

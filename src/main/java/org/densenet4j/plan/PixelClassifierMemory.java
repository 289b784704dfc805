package org.densenet4j.plan;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.PixelClassifier;
import org.densenet4j.graph.Read;

/**
 * Memory of a classifier of pixels. Logits and all that they are made of are float32.
 *
 * @param node the node whose memory it is
 * @param rows chunks of rows
 * @param source a chunk of what is read, dense, in each lane, and later its gradient
 * @param sourceFloats the same in float32; the same memory where that is how it is stored
 * @param loss its logits, their gradient and what becomes of them
 * @param weightSums one sum of the weight gradient for each lane
 * @param biasSums one sum of the bias gradient for each lane
 * @param partials two rows of sums for each chunk
 * @param norm of the source
 */
public record PixelClassifierMemory(
        PixelClassifier node,
        Chunks rows,
        Matrix[] source,
        Matrix[] sourceFloats,
        PixelLossMemory loss,
        Matrix[] weightSums,
        Matrix biasSums,
        Matrix partials,
        NormScratch norm)
        implements NodeMemory {

    static PixelClassifierMemory of(PixelClassifier node, Planner planner) {
        Read source = node.source();
        int channels = source.channels();
        int classes = node.classes();
        int pixels = source.height() * source.width();
        boolean floats = planner.precision() == DataType.FLOAT32;
        Chunks rows = planner.rowChunks(pixels, (floats ? 4L : 6L) * channels + 8L * classes);
        Allocator.Frame frame = planner.allocator().frame();
        Matrix[] read = frame.activations(rows.rowsPerChunk(), channels);
        Matrix[] readFloats = floats ? read : frame.perLane(rows.rowsPerChunk(), channels);
        Matrix logits = Matrix.dense(0, rows.rowsPerChunk(), classes);
        planner.noteProducts(pixels, readFloats[0], logits, logits, readFloats[0]);
        return new PixelClassifierMemory(
                node,
                rows,
                read,
                readFloats,
                PixelLossMemory.of(node, rows, planner),
                frame.perLane(classes, channels),
                frame.rowPerLane(classes),
                frame.vector(2 * rows.count(planner.batch()) * channels),
                NormScratch.in(frame, source.isNormalised() ? channels : 0));
    }
}

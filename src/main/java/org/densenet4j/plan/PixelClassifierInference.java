package org.densenet4j.plan;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.PixelClassifier;

/**
 * Memory of a classifier of pixels in inference. Logits and all that they are made of are float32.
 *
 * @param node the node whose memory it is
 * @param rows chunks of rows
 * @param source what it reads
 * @param sourceChunk a chunk of it, dense, in each lane; empty where it is read in its place
 * @param sourceFloats the same in float32; empty where that is how it is stored
 * @param weights [classes, C]
 * @param bias [1, classes]
 * @param logits [N·H·W, classes]
 */
public record PixelClassifierInference(
        PixelClassifier node,
        Chunks rows,
        InferenceRead source,
        Matrix[] sourceChunk,
        Matrix[] sourceFloats,
        Matrix weights,
        Matrix bias,
        Matrix logits)
        implements HeadInference {

    static PixelClassifierInference of(PixelClassifier node, InferencePlanner planner) {
        String name = node.name();
        int channels = node.source().channels();
        int classes = node.classes();
        int pixels = node.source().height() * node.source().width();
        boolean floats = planner.precision() == DataType.FLOAT32;
        Chunks rows = planner.rowChunks(pixels, (floats ? 4L : 6L) * channels + 4L * classes);
        int chunkRows = rows.rowsPerChunk();
        planner.noteProductByTransposed(
                pixels, Matrix.dense(0, chunkRows, channels), Matrix.dense(0, chunkRows, classes));
        Allocator.Frame frame = planner.allocator().frame();
        InferenceRead source = InferenceRead.of(node.source(), name + ".affine", planner, frame);
        return new PixelClassifierInference(
                node,
                rows,
                source,
                source.chunk(chunkRows, planner, frame),
                frame.perLane(floats ? 0 : chunkRows, channels),
                planner.weights(name + ".weights", classes, channels),
                planner.weights(name + ".bias", 1, classes),
                planner.results(
                        planner.prefixOf(node) + "logits", node, planner.rows(pixels), classes));
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

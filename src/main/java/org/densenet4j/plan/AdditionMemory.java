package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Addition;
import org.densenet4j.graph.Read;

/**
 * Memory of a sum.
 *
 * @param node the node whose memory it is
 * @param rows chunks of rows
 * @param outputGradient a chunk of the sum's gradient, dense, in each lane
 * @param branchPartials two rows of sums for each chunk
 * @param shortcutPartials two rows of sums for each chunk
 * @param targetPartials two rows of sums for each chunk
 * @param branch normalisation of the branch
 * @param shortcut normalisation of the shortcut
 * @param correction [3, C] of the sum's gradient
 */
public record AdditionMemory(
        Addition node,
        Chunks rows,
        Matrix[] outputGradient,
        Matrix branchPartials,
        Matrix shortcutPartials,
        Matrix targetPartials,
        NormScratch branch,
        NormScratch shortcut,
        Matrix correction)
        implements NodeMemory {

    static AdditionMemory of(Addition node, Planner planner) {
        int channels = node.target().count();
        Chunks rows = planner.rowChunks(node.target().of().pixels(), 5 * planner.bytes(channels));
        int count = rows.count(planner.batch());
        Allocator.Frame frame = planner.allocator().frame();
        return new AdditionMemory(
                node,
                rows,
                frame.alignedActivations(rows.rowsPerChunk(), channels),
                frame.vector(2 * count * channels),
                frame.vector(2 * count * node.shortcut().channels()),
                frame.vector(2 * count * channels),
                NormScratch.in(frame, normalised(node.branch())),
                NormScratch.in(frame, normalised(node.shortcut())),
                frame.matrix(3, channels));
    }

    private static int normalised(Read read) {
        return read.isNormalised() ? read.channels() : 0;
    }
}

package org.densenet4j.plan;

import org.densenet4j.graph.Addition;

/**
 * Memory of a sum in inference.
 *
 * @param node the node whose memory it is
 * @param rows chunks of rows
 * @param branch what the residual unit made
 * @param shortcut what went past it
 * @param target columns that it writes
 */
public record AdditionInference(
        Addition node,
        Chunks rows,
        InferenceRead branch,
        InferenceRead shortcut,
        InferenceTarget target)
        implements NodeInference {

    static AdditionInference of(Addition node, InferencePlanner planner) {
        Chunks rows =
                planner.rowChunks(
                        node.target().of().pixels(), 3 * planner.bytes(node.target().count()));
        Allocator.Frame frame = planner.allocator().frame();
        return new AdditionInference(
                node,
                rows,
                InferenceRead.of(node.branch(), node.name() + ".branch.affine", planner, frame),
                InferenceRead.of(node.shortcut(), node.name() + ".shortcut.affine", planner, frame),
                InferenceTarget.of(node.target(), rows, planner, frame));
    }
}

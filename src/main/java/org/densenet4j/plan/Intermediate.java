package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Node;

import java.util.Optional;

/**
 * What a node computes on its way and may read again in its backward pass: kept as a matrix of the
 * batch, or made again in the scratch of the lanes.
 *
 * @param kept [N·H·W, C]; none where it is made again
 * @param scratch of each lane; without rows where it is kept
 */
public record Intermediate(Optional<Matrix> kept, Matrix[] scratch) {

    /**
     * Asks for memory.
     *
     * @param keeps whether it is kept from the forward to the backward pass
     * @param rows of the scratch
     */
    static Intermediate of(
            Node node,
            String name,
            Category category,
            boolean keeps,
            int rows,
            int columns,
            Planner planner,
            Allocator.Frame frame) {
        Optional<Matrix> kept =
                keeps
                        ? Optional.of(
                                planner.allocator()
                                        .activations(
                                                node.name() + name,
                                                category,
                                                planner.rows(
                                                        node.writes().orElseThrow().of().pixels()),
                                                columns,
                                                planner.schedule().forward(node),
                                                planner.schedule().keeps(node)))
                        : Optional.empty();
        return new Intermediate(kept, frame.activations(keeps ? 0 : rows, columns));
    }

    /** {@return whether it is there in the backward pass} */
    public boolean isKept() {
        return kept.isPresent();
    }

    /**
     * {@return a chunk of it}
     *
     * @param lane whose scratch it may be in
     * @param chunk of the node's output
     */
    public Matrix of(int lane, Chunk chunk) {
        return kept.map(chunk::of).orElseGet(() -> chunk.in(scratch[lane]));
    }

    /**
     * {@return some rows of a chunk, which alone are in the scratch}
     *
     * @param lane whose scratch they may be in
     * @param chunk of the node's output
     * @param first row within the chunk
     * @param rows how many
     */
    public Matrix part(int lane, Chunk chunk, int first, int rows) {
        return kept.map(k -> k.rows(chunk.firstRow() + first, rows))
                .orElseGet(() -> scratch[lane].rows(0, rows));
    }

    /** Some rows of it, to plan products with. */
    Matrix layout(int rows) {
        return kept.orElse(scratch[0]).rows(0, rows);
    }
}

package org.densenet4j.insight;

import java.util.List;

/**
 * The connections within one dense block: L + 1 sources (the input, then the layers) and L + 1
 * targets (the layers, then the transition or the classifier). Target t reads the sources 0 to t -
 * 1.
 *
 * @param block number of the block, from 1
 * @param layers L, its dense layers
 * @param behind what reads the whole block: {@code transition1}, or {@code classifier}
 * @param connections ordered by target, then source
 */
public record BlockReuse(int block, int layers, String behind, List<Connection> connections) {
    /** Keeps a copy of the connections. */
    public BlockReuse {
        connections = List.copyOf(connections);
    }

    /**
     * The connection from a source to a target.
     *
     * @param source 0 to {@code target - 1}
     * @param target 1 to {@code layers + 1}
     * @throws IllegalArgumentException when there is no such connection
     */
    public Connection connection(int source, int target) {
        if (target < 1 || target > layers + 1 || source < 0 || source >= target) {
            throw new IllegalArgumentException(
                    "block "
                            + block
                            + " has no connection from source "
                            + source
                            + " to target "
                            + target);
        }
        // Targets 1 to target - 1 have 1 to target - 1 sources.
        return connections.get(target * (target - 1) / 2 + source);
    }

    /** {@code input}, or {@code layer 3}. */
    public String sourceName(int source) {
        return source == 0 ? "input" : "layer " + source;
    }

    /** {@code layer 3}, {@code transition1} or {@code classifier}. */
    public String targetName(int target) {
        return target > layers ? behind : "layer " + target;
    }

    /** The largest mean absolute weight of the block. */
    public double largest() {
        return connections.stream().mapToDouble(Connection::meanAbsolute).max().orElseThrow();
    }
}

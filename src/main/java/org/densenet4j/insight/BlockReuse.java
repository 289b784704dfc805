package org.densenet4j.insight;

import java.util.List;

/**
 * The connections within one block: the matrix of features that its layers read and write, with
 * what else they read, such as the skip connection of FC-DenseNet. In a DenseNet there are L + 1
 * sources (the input, then the layers) and L + 1 targets (the layers, then the transition or the
 * classifier), and target t reads the sources 0 to t - 1.
 *
 * @param block number of the block, from 1
 * @param name {@code Dense block 1}, or the name of the features
 * @param sources what wrote the columns, in the order in which they are first read
 * @param targets what reads them, in the order of the network
 * @param connections ordered by target, then source
 */
public record BlockReuse(
        int block,
        String name,
        List<Source> sources,
        List<Target> targets,
        List<Connection> connections) {
    /**
     * A node that wrote columns.
     *
     * @param name {@code input}, {@code layer 3}, or the node's name
     * @param label of a row of the heat map: {@code in}, {@code 3}, or number and name
     */
    public record Source(String name, String label) {}

    /**
     * A node that reads columns.
     *
     * @param name {@code layer 3}, {@code transition1}, {@code classifier}, or the node's name
     * @param label of a column of the heat map: the number of the source that it is itself, else a
     *     letter
     * @param source number of the source that it is itself, -1 where it writes elsewhere
     */
    public record Target(String name, String label, int source) {
        /** {@return whether it writes to the block that it reads} */
        public boolean isLayer() {
            return source >= 0;
        }
    }

    /** Keeps copies of the lists. */
    public BlockReuse {
        sources = List.copyOf(sources);
        targets = List.copyOf(targets);
        connections = List.copyOf(connections);
    }

    /** {@return number of targets that write to the block: L, the dense layers of a dense block} */
    public int layers() {
        return (int) targets.stream().filter(Target::isLayer).count();
    }

    /**
     * {@return the connection from a source to a target; the first where there are several}
     *
     * @param source from 0
     * @param target from 1
     * @throws IllegalArgumentException when there is no such connection
     */
    public Connection connection(int source, int target) {
        return connections.stream()
                .filter(c -> c.source() == source && c.target() == target)
                .findFirst()
                .orElseThrow(
                        () ->
                                new IllegalArgumentException(
                                        "block "
                                                + block
                                                + " has no connection from source "
                                                + source
                                                + " to target "
                                                + target));
    }

    /**
     * {@return {@code input}, {@code layer 3}, or a node's name}
     *
     * @param source number of the source, from 0
     */
    public String sourceName(int source) {
        return sources.get(checked("source", source, 0, sources.size())).name();
    }

    /**
     * {@return {@code layer 3}, {@code transition1}, {@code classifier}, or a node's name}
     *
     * @param target number of the target, from 1
     */
    public String targetName(int target) {
        return targets.get(checked("target", target, 1, targets.size()) - 1).name();
    }

    private static int checked(String what, int number, int first, int count) {
        if (number < first || number >= first + count) {
            String use =
                    count == 0 ? "there is none" : "use " + first + " to " + (first + count - 1);
            throw new IndexOutOfBoundsException(what + " = " + number + ": " + use);
        }
        return number;
    }

    /** {@return the largest mean absolute weight of the block} */
    public double largest() {
        return connections.stream().mapToDouble(Connection::meanAbsolute).max().orElseThrow();
    }
}

package org.densenet4j.graph;

/** A graph that cannot be: one line that names the node or the features, and what is wrong. */
public final class GraphException extends IllegalArgumentException {
    private static final long serialVersionUID = 1;

    /**
     * With its message.
     *
     * @param message one line that names the node, or the features, and what would fit
     */
    public GraphException(String message) {
        super(message);
    }
}

package org.densenet4j.graph;

/** A graph that cannot be: one line that names the node or the features, and what is wrong. */
public final class GraphException extends IllegalArgumentException {
    private static final long serialVersionUID = 1;

    /** With its message. */
    public GraphException(String message) {
        super(message);
    }
}

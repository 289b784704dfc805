package org.densenet4j.graph;

import java.util.Objects;

/**
 * Some columns of a matrix of features, next to each other.
 *
 * @param of the matrix
 * @param from the first column
 * @param count number of columns
 */
public record Columns(Features of, int from, int count) {
    /** Refuses columns that the matrix does not have. */
    public Columns {
        Objects.requireNonNull(of, "of");
        if (from < 0 || count < 1 || count > of.channels() - from) {
            throw new GraphException(
                    "columns "
                            + from
                            + " to "
                            + ((long) from + count)
                            + " of the features '"
                            + of.name()
                            + "', which have "
                            + of.channels());
        }
    }

    /** {@return the column behind the last} */
    public int end() {
        return from + count;
    }

    @Override
    public String toString() {
        return of.name() + "[" + from + ".." + end() + ")";
    }
}

package org.densenet4j.insight;

import java.util.Comparator;
import java.util.function.ToDoubleFunction;

/** Which connections count as weak. */
public enum Ranking {
    /** The mean absolute weight, over the whole network. */
    WEIGHT(Connection::meanAbsolute),
    /**
     * The mean absolute weight relative to the target's strongest source. Where batch normalisation
     * follows a convolution, a common factor of its weights changes nothing, so weights of
     * different targets do not compare; this ranking is free of such factors.
     */
    TARGET(Connection::shareOfTarget);

    private final ToDoubleFunction<Connection> measure;

    Ranking(ToDoubleFunction<Connection> measure) {
        this.measure = measure;
    }

    /** Weakest first; equal ones stay in the order of block, target and source. */
    Comparator<Connection> weakestFirst() {
        return Comparator.comparingDouble(measure);
    }
}

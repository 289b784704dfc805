package org.densenet4j.plan;

import java.util.HashSet;
import java.util.List;
import java.util.Objects;

/**
 * What is remembered of each parameter from step to step, for which a plan has a vector each.
 *
 * @param vectors names of what the optimiser remembers; {@code velocity} is SGD's
 * @param averages whether there are exponential moving averages of parameters and running
 *     statistics, too
 */
public record OptimiserState(List<String> vectors, boolean averages) {
    /** What SGD remembers: the default of plans. */
    public static final OptimiserState VELOCITY = new OptimiserState(List.of("velocity"), false);

    /** Refuses names that occur twice. */
    public OptimiserState {
        for (String name : Objects.requireNonNull(vectors, "vectors")) {
            Objects.requireNonNull(name, "vectors");
        }
        vectors = List.copyOf(vectors);
        if (new HashSet<>(vectors).size() < vectors.size()) {
            throw new IllegalArgumentException("vectors = " + vectors + ": give each another name");
        }
    }
}

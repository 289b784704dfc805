package org.densenet4j.graph;

import java.util.Objects;

/**
 * A layer normalisation over the channels of each pixel (Ba, Kiros and Hinton 2016, arXiv
 * 1607.06450): {@code name.weight} and {@code name.bias}. It has no running statistics and is the
 * same in training and in evaluation.
 *
 * @param name of its tensors
 * @param epsilon added to variances
 */
public record LayerNorm(String name, double epsilon) {
    /** Refuses numbers that make no normalisation. */
    public LayerNorm {
        Objects.requireNonNull(name, "name");
        if (!(epsilon > 0 && epsilon < 1)) {
            throw new GraphException(
                    "epsilon = " + epsilon + " of '" + name + "': use a small positive number");
        }
    }

    /**
     * {@return one with an epsilon of 1e-6}
     *
     * @param name the prefix of its tensors' names
     */
    public static LayerNorm of(String name) {
        return new LayerNorm(name, 1e-6);
    }
}

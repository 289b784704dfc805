package org.densenet4j.graph;

import java.util.Objects;

/**
 * One batch normalisation (Ioffe and Szegedy 2015, arXiv 1502.03167): gamma, beta and running
 * statistics of one reader, as PyTorch names them: {@code name.weight}, {@code name.bias}, {@code
 * name.running_mean}, {@code name.running_var}.
 *
 * @param name of its tensors
 * @param epsilon added to variances
 * @param momentum weight of the newest batch in the running statistics (PyTorch's convention)
 */
public record Norm(String name, double epsilon, double momentum) {
    /** Refuses numbers that make no normalisation. */
    public Norm {
        Objects.requireNonNull(name, "name");
        if (!(epsilon > 0 && epsilon < 1)) {
            throw new GraphException(
                    "epsilon = " + epsilon + " of '" + name + "': use a small positive number");
        }
        if (!(momentum > 0 && momentum <= 1)) {
            throw new GraphException(
                    "momentum = " + momentum + " of '" + name + "': use a number from 0 to 1");
        }
    }

    /**
     * {@return one with PyTorch's defaults: epsilon 1e-5, momentum 0.1}
     *
     * @param name the prefix of its tensors' names
     */
    public static Norm of(String name) {
        return new Norm(name, 1e-5, 0.1);
    }
}

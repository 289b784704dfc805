package org.densenet4j.graph;

import java.util.Objects;

/**
 * An L2 normalisation over the channels of each pixel, with a learned scale for each channel (Liu
 * et al. 2015, arXiv 1506.04579, section 3.3; SSD and DSOD have it before their heads): {@code y =
 * x·scale/√(Σ x² + epsilon)}. Its only tensor is {@code name.weight}, the scale, which starts at
 * 20. It has no running statistics and is the same in training and in evaluation.
 *
 * @param name of its tensor
 * @param epsilon added to sums of squares
 */
public record L2Norm(String name, double epsilon) {
    /** Refuses numbers that make no normalisation. */
    public L2Norm {
        Objects.requireNonNull(name, "name");
        if (!(epsilon > 0 && epsilon < 1)) {
            throw new GraphException(
                    "epsilon = " + epsilon + " of '" + name + "': use a small positive number");
        }
    }

    /**
     * {@return one with an epsilon of 1e-10}
     *
     * @param name the prefix of its tensor's name
     */
    public static L2Norm of(String name) {
        return new L2Norm(name, 1e-10);
    }
}

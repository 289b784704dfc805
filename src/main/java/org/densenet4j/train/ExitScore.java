package org.densenet4j.train;

import java.util.Objects;

/**
 * How one exit of a network with several does on test images.
 *
 * @param exit name of its head
 * @param loss its cross-entropy by itself, the mean over images
 * @param accuracy share of images whose class has its highest logit
 */
public record ExitScore(String exit, double loss, double accuracy) {
    /** Refuses null. */
    public ExitScore {
        Objects.requireNonNull(exit, "exit");
    }
}

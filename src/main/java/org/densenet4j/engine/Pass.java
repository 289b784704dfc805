package org.densenet4j.engine;

import java.util.Objects;

/**
 * One pass over the network.
 *
 * @param images images of this batch, at most the plan's
 * @param mode batch normalisation and dropout
 * @param seed key of the dropout generator
 * @param step counter of the dropout generator: another step draws other elements
 */
public record Pass(int images, Mode mode, long seed, long step) {
    /** Checks images and mode. */
    public Pass {
        if (images < 1) {
            throw new IllegalArgumentException("images = " + images + ": a pass has 1 or more");
        }
        Objects.requireNonNull(mode, "mode");
    }

    boolean usesBatchStatistics() {
        return mode == Mode.TRAIN;
    }
}

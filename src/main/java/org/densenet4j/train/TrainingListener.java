package org.densenet4j.train;

/**
 * Told about a {@link TrainingRun} as it goes, by the training thread where nothing else is said.
 */
public interface TrainingListener {
    /** Does nothing. */
    TrainingListener NONE = new TrainingListener() {};

    /**
     * A step.
     *
     * @param epoch counted from 1
     * @param done steps done, as a part of {@code total}
     * @param loss mean over the epoch so far
     * @param accuracy share of correct images of the epoch so far
     * @param imagesPerSecond since this process began to train
     */
    record Step(
            int epoch,
            int epochs,
            long done,
            long total,
            double loss,
            double accuracy,
            double imagesPerSecond) {}

    /** After each step. */
    default void step(Step step) {}

    /** After each epoch and its test. */
    default void epoch(EpochResult result) {}

    /** An image could not be read and is skipped; called by a loader thread. */
    default void brokenImage(String message) {}
}

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
     * @param epochs of the whole training
     * @param done steps done, as a part of {@code total}
     * @param total steps of an epoch
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

    /**
     * After each step.
     *
     * @param step what was done and how far the epoch is
     */
    default void step(Step step) {}

    /**
     * After each epoch and its test.
     *
     * @param result losses, accuracies and times
     */
    default void epoch(EpochResult result) {}

    /**
     * An image could not be read and is skipped; called by a loader thread.
     *
     * @param message one line that names the image
     */
    default void brokenImage(String message) {}
}

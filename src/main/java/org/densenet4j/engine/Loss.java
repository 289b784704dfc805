package org.densenet4j.engine;

import org.densenet4j.plan.ImageLossMemory;
import org.densenet4j.plan.LossMemory;
import org.densenet4j.plan.PixelLossMemory;

/** The loss of a head: what becomes of logits and labels. */
sealed interface Loss permits ImageLoss, PixelLoss {
    /** The loss that a memory is for. */
    static Loss of(Compute compute, LossMemory memory) {
        return switch (memory) {
            case ImageLossMemory m -> new ImageLoss(compute, m);
            case PixelLossMemory m -> new PixelLoss(compute, m);
        };
    }

    /**
     * Refuses a number of labels that no mean is taken over.
     *
     * @throws IllegalArgumentException when there cannot be so many
     */
    void checkMean(int meanOver);

    /**
     * What a recorded pass keeps of the number of labels that the mean is taken over, or 0: passes
     * that differ in it are different sequences of operations.
     */
    int recorded(int meanOver);

    /**
     * Copies labels in.
     *
     * @param meanOver number of labels that the mean is taken over
     * @throws IllegalArgumentException when there are too few or one is of no class
     */
    void labels(Pass pass, int[] labels, int meanOver);

    /** Queues the loss and the gradient of the logits. */
    void run(Pass pass, float smoothing, int meanOver);

    /** Its memory. */
    LossMemory memory();

    /** Reads losses and hits off what the host was given of {@link LossMemory#outcome}. */
    Network.Outcome outcome(Pass pass, float[] values, int meanOver);

    /** Where the squared norms of gradients start among those values. */
    int firstNorm();

    /**
     * Refuses a label that is no class.
     *
     * @param what such as "image 3"
     */
    static void check(int label, int classes, String what) {
        if (label < 0 || label >= classes) {
            throw new IllegalArgumentException(
                    "label " + label + " of " + what + " is not in 0.." + (classes - 1));
        }
    }
}

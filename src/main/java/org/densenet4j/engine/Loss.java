package org.densenet4j.engine;

import org.densenet4j.plan.ImageLossMemory;
import org.densenet4j.plan.LossMemory;
import org.densenet4j.plan.PixelLossMemory;
import org.densenet4j.plan.VectorLossMemory;

/** The loss of a head: what becomes of logits and targets. */
sealed interface Loss permits ImageLoss, VectorLoss, PixelLoss {
    /** The loss that a memory is for. */
    static Loss of(Compute compute, LossMemory memory) {
        return switch (memory) {
            case ImageLossMemory m -> new ImageLoss(compute, m);
            case VectorLossMemory m -> new VectorLoss(compute, m);
            case PixelLossMemory m -> new PixelLoss(compute, m);
        };
    }

    /**
     * Refuses targets that this loss is not for.
     *
     * @throws IllegalArgumentException when they are of another kind, there are too few, one is of
     *     no class, or no mean is taken over so many
     */
    void check(Pass pass, Targets targets);

    /**
     * What a recorded pass keeps of the targets: passes that differ in it are different sequences
     * of operations.
     */
    Object recorded(Targets targets);

    /** Copies targets in that were checked. */
    void upload(Pass pass, Targets targets);

    /** Queues the loss and the gradient of the logits. */
    void run(Pass pass, Targets targets);

    /** Its memory. */
    LossMemory memory();

    /**
     * Reads losses and hits off what the host was given of {@link LossMemory#outcome}.
     *
     * @param meanOver number of labels that the mean is taken over
     */
    Network.Outcome outcome(Pass pass, float[] values, int meanOver);

    /** Where the squared norms of gradients start among those values. */
    int firstNorm();

    /** Refuses vectors where the plan is for indices of classes. */
    static Targets.Classes classes(Targets targets) {
        if (targets instanceof Targets.Classes classes) {
            return classes;
        }
        throw new IllegalArgumentException(
                "the plan is for indices of classes, and these are vectors of targets; plan with"
                        + " targets(VECTOR)");
    }

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

    /** Refuses a share that nothing can be smoothed by. */
    static void checkSmoothing(float smoothing) {
        if (!(smoothing >= 0 && smoothing < 1)) {
            throw new IllegalArgumentException(
                    "smoothing = " + smoothing + ": use a number from 0 to below 1");
        }
    }
}

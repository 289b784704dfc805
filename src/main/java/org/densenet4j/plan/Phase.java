package org.densenet4j.plan;

/** Part of a training step. */
public enum Phase {
    /** From the images to the loss. */
    FORWARD,
    /** From the loss to the gradients. */
    BACKWARD,
    /** From the gradients to new parameters. */
    UPDATE
}

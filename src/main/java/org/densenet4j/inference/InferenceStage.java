package org.densenet4j.inference;

/** A part of the forward pass that runs as one operation of the plan. */
interface InferenceStage {
    /** Computes this stage's output for the first {@code images} images of the batch. */
    void forward(int images);
}

package org.densenet4j.bench;

/** What is measured. */
enum Work {
    /** Forward pass, backward pass, optimiser. */
    TRAINING,
    /** Forward passes in evaluation mode, nothing kept. */
    INFERENCE
}

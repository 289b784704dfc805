package org.densenet4j.engine;

import org.densenet4j.backend.Matrix;

/** A part of the network that runs as one operation of the plan's schedule. */
interface Stage {
    /** The operation's name in the schedule. */
    String name();

    /** Computes this stage's output from its input. */
    void forward(Pass pass);

    /** Adds to the parameter gradients and the gradient of the stage's input. */
    void backward(Pass pass);

    /** What the forward pass wrote, to look for numbers that are not finite. */
    Matrix output(Pass pass);
}

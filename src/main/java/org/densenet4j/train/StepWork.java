package org.densenet4j.train;

import org.densenet4j.distributed.Communicator;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.Pass;

/** What is done with a batch, one micro-batch after the other, whose images are copied in. */
interface StepWork {
    /**
     * Forward, loss and backward.
     *
     * @param pass of the micro-batch
     * @param first its first image in the batch
     * @param communicator of the ranks that sum gradients with the pass; alone where they do not
     * @param meanwhile what the host does while the device works on what it was given
     * @return its part of the batch's loss, and the norm of the gradients if {@link #sumsGradients}
     */
    Network.Outcome train(
            Network network, Pass pass, int first, Communicator communicator, Runnable meanwhile);

    /**
     * Forward and loss.
     *
     * @param pass of the micro-batch
     * @param first its first image in the batch
     * @return its part of the batch's loss
     */
    Network.Outcome evaluate(Network network, Pass pass, int first);

    /** Whether a training pass sums gradients over ranks and takes their norm. */
    boolean sumsGradients();

    /** What the mean loss is taken over, over all ranks. */
    double meanOver();
}

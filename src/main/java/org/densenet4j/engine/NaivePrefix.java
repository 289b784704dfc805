package org.densenet4j.engine;

import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Read;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.Copies;
import org.densenet4j.plan.NormScratch;

/**
 * What a dense layer reads, as an autograd framework has it: a concatenation of the layer's own.
 */
sealed interface NaivePrefix permits NormalisedConcatenation, ActivatedConcatenation {
    /**
     * The copies of a node.
     *
     * @param chunks in which copies are made
     * @param partials memory for two rows of sums for each chunk
     */
    static NaivePrefix of(
            Compute compute,
            Node node,
            Copies copies,
            Chunks chunks,
            Matrix partials,
            NormScratch scratch) {
        return node.reads().getFirst() instanceof Read.Activated
                ? new ActivatedConcatenation(compute, node, copies, chunks, partials, scratch)
                : new NormalisedConcatenation(compute, node, copies, chunks, partials, scratch);
    }

    /** Copies the columns. */
    void concatenate(Pass pass);

    /** {@return a chunk of what is convolved, which the first call makes if need be} */
    Matrix normalise(Chunk chunk);

    /** Takes the gradient of what is convolved on to the columns. */
    void backward(Pass pass);
}

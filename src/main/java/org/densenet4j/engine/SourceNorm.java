package org.densenet4j.engine;

import org.densenet4j.backend.Matrix;

/**
 * The batch normalisation that stands before columns that are read: the reader's, or the writers'.
 */
sealed interface SourceNorm permits BatchNormalisation, WritersNorms {
    /**
     * Prepares {@link #affine} for a forward pass.
     *
     * @param rows rows that the batch statistics were taken over
     */
    void prepareForward(Pass pass, int rows);

    /** Prepares {@link #affine} for a recomputation. */
    void prepareAgain(Pass pass);

    /** Prepares {@link #affine} and {@link #weight}. */
    void prepareBackward(Pass pass);

    /** The statistics [3, C] that a pass uses of channels of one matrix. */
    Matrix statistics(Pass pass, int range);

    /** Scale and shift [2, C]. */
    Matrix affine();

    /** Factor of the deferred gradient, gamma/sigma [1, C]. */
    Matrix weight();

    /** Finishes dgamma and dbeta from the chunks' sums and adds them to where they belong. */
    void finishGradient(Pass pass, Matrix partials, int chunks);
}

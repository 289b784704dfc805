package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.PooledConvolution;

import java.util.Optional;

/**
 * Memory of a convolution with batch normalisation and max-pool behind it: S, the convolution's
 * output, and what its images are worked on with, whole or in bands of rows.
 */
public sealed interface PooledConvolutionMemory extends NodeMemory
        permits WholePooledConvolutionMemory, BandedPooledConvolutionMemory {
    /** {@return the node whose memory it is} */
    PooledConvolution node();

    /** {@return rows of S that are worked on together} */
    Chunks chunks();

    /** {@return the same chunks of the pooled output} */
    Chunks outgoing();

    /** {@return the convolution over one chunk} */
    ConvolutionShape convolution();

    /** {@return S [N·H·W, C]; none where it is made again per chunk} */
    Optional<Matrix> stored();

    /** {@return statistics of S [3, C]} */
    Matrix statistics();

    /** {@return the naive strategy's copy of the BN-ReLU output} */
    Optional<Matrix> normalised();

    /** {@return what the convolution works in} */
    ConvolutionScratch scratch();

    /** {@return two rows of sums for each chunk} */
    Matrix partials();

    /** {@return scratch of the normalisation of S} */
    NormScratch norm();

    /** {@return one sum of the bias gradient for each lane; without columns where there is none} */
    Matrix biasSums();

    /** {@return the correction [3, C] of the pooled output's gradient} */
    Matrix correction();
}

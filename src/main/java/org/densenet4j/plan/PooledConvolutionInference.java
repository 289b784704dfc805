package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.PooledConvolution;

import java.util.Optional;

/**
 * Memory of a convolution with batch normalisation and max-pool behind it in inference, over chunks
 * of images, whole or in bands of rows.
 */
public sealed interface PooledConvolutionInference extends NodeInference
        permits WholePooledConvolutionInference, BandedPooledConvolutionInference {
    /** {@return the node whose memory it is} */
    PooledConvolution node();

    /** {@return rows of the convolution's output that are worked on together} */
    Chunks chunks();

    /** {@return the same chunks of the pooled output} */
    Chunks outgoing();

    /** {@return the convolution over one chunk} */
    ConvolutionShape convolution();

    /** {@return what it reads} */
    InferenceRead source();

    /** {@return its weights, packed} */
    Matrix weights();

    /**
     * {@return of the convolution's output; with running statistics its scale is in the weights}
     */
    InferenceNorm norm();

    /** {@return statistics of the convolution's output, where they are those of the batch} */
    Optional<InnerStatistics> statistics();

    /** {@return columns that it writes} */
    InferenceTarget target();
}

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
    /** The node whose memory it is. */
    PooledConvolution node();

    /** Rows of the convolution's output that are worked on together. */
    Chunks chunks();

    /** The same chunks of the pooled output. */
    Chunks outgoing();

    /** The convolution over one chunk. */
    ConvolutionShape convolution();

    /** What it reads. */
    InferenceRead source();

    /** Its weights, packed. */
    Matrix weights();

    /** Of the convolution's output; with running statistics its scale is in the weights. */
    InferenceNorm norm();

    /** Statistics of the convolution's output, where they are those of the batch. */
    Optional<InnerStatistics> statistics();

    /** Columns that it writes. */
    InferenceTarget target();
}

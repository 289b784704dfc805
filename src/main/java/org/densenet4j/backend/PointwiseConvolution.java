package org.densenet4j.backend;

/**
 * The bottleneck of a dense layer, {@code Z = relu(bn(X[:, :K]))·Wᵀ}, and its gradient, on chunks
 * of rows. X is a column prefix of the block's feature matrix; the normalised prefix A, the buffer
 * that the technical report shares between layers (Pleiss et al. 2017, section 3), exists for no
 * longer and no further than a device needs to multiply it.
 */
public interface PointwiseConvolution {

    /**
     * Prepares the weights of a forward pass; other lanes may be at work.
     *
     * @param lane whose scratch is used
     * @param weight [N, K] in the storage type of activations
     * @param packed {@link PointwiseMemory#packedWeights} bytes
     * @return what {@link #forward} reads: {@code packed}, or {@code weight} itself
     */
    Matrix packForward(int lane, Matrix weight, Matrix packed);

    /**
     * Prepares the weights of a backward pass; other lanes may be at work.
     *
     * @param lane whose scratch is used
     * @param weight [N, K] in the storage type of activations
     * @param packed {@link PointwiseMemory#packedWeights} bytes
     * @return what {@link #backward} reads: {@code packed}, or {@code weight} itself
     */
    Matrix packBackward(int lane, Matrix weight, Matrix packed);

    /**
     * {@code Z = max(0, X·scale + shift)·Wᵀ}.
     *
     * @param lane whose scratch is used
     * @param x [rows, K], rows {@code stride} apart
     * @param affine [2, K]
     * @param weights as {@link #packForward} returned them
     * @param chunk {@link PointwiseMemory#chunk} bytes of this lane
     * @param z [rows, N]
     */
    void forward(int lane, Matrix x, Matrix affine, Matrix weights, Matrix chunk, Matrix z);

    /**
     * Makes {@code Z = relu(bn(X))·Wᵀ} of a chunk of rows, and mean and sum of squared deviations
     * of each column of Z as it is stored, while it is at hand.
     *
     * @param kernels of the same arena
     * @param lane whose scratch is used
     * @param x [rows, K], rows {@code stride} apart
     * @param affine [2, K]
     * @param weights as {@link #packForward} returned them
     * @param chunk {@link PointwiseMemory#chunk} bytes of this lane
     * @param z [rows, N]
     * @param partial [2, N], overwritten; see {@link Kernels#channelStatistics}
     */
    default void forward(
            Kernels kernels,
            int lane,
            Matrix x,
            Matrix affine,
            Matrix weights,
            Matrix chunk,
            Matrix z,
            Matrix partial) {
        forward(lane, x, affine, weights, chunk, z);
        kernels.channelStatistics(z, partial);
    }

    /**
     * The gradient of everything that a chunk's Z was made of; see {@link PointwiseGradient}.
     *
     * @param lane whose scratch is used
     * @param gradient operands and results of the chunk
     * @param chunk {@link PointwiseMemory#chunk} bytes of this lane
     */
    void backward(int lane, PointwiseGradient gradient, Matrix chunk);
}

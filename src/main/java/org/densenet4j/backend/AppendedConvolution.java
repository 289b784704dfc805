package org.densenet4j.backend;

/**
 * The 3x3 half of a dense layer, {@code Y = conv3x3(relu(bn2(Z)))}, whose result goes straight to
 * the layer's columns of its block, and whose gradient is made as it is read: neither the
 * normalised values, nor Y, nor its gradient exists anywhere else (Pleiss et al. 2017, section 3,
 * keeps them in buffers that layers share).
 */
public interface AppendedConvolution extends PackedWeights {
    /**
     * Appends Y to the block.
     *
     * @param images how many of the shape's, from 1
     * @param z [images·height·width, in], not changed
     * @param affine [2, in] scale and shift of the batch normalisation
     * @param packed weights as {@link #packForward} left them
     * @param dropout what to drop of Y, by its element, or {@link Dropout#NONE}
     * @param columns [images·height·width, out] of the block
     * @param partial [2, out]: mean and sum of squared deviations of what is stored, overwritten
     */
    void forward(
            int images,
            Matrix z,
            Matrix affine,
            Matrix packed,
            Dropout dropout,
            Matrix columns,
            Matrix partial);

    /**
     * Appends Y to the block in inference: nothing is dropped, no statistics are taken, and no
     * scratch is used.
     *
     * @param images how many of the shape's, from 1
     * @param z [images·height·width, in], not changed
     * @param affine [2, in] scale and shift of the batch normalisation
     * @param packed weights as {@link #packForward} left them
     * @param columns [images·height·width, out] of the block
     */
    void forward(int images, Matrix z, Matrix affine, Matrix packed, Matrix columns);

    /**
     * The gradient of Z behind the ReLU, and that of the weights.
     *
     * @param images how many of the shape's, from 1
     * @param gradient operands and results
     */
    void backward(int images, AppendedGradient gradient);
}

package org.densenet4j.backend;

/**
 * The weights of a convolution in a device's own layout. They are given in the PyTorch layout [out,
 * in, kh, kw] and packed once before the chunks of a pass.
 */
public interface PackedWeights {
    /** {@return in how many parts weights are packed and their gradient is reduced} */
    default int parts() {
        return 1;
    }

    /**
     * Puts a part of the weights into the layout that forward passes read. Other lanes may be at
     * work, on other parts, too.
     *
     * @param lane whose scratch is used
     * @param part from 0, less than {@link #parts}
     * @param weights in the PyTorch layout, float32
     * @param packed {@link ConvolutionMemory#packedWeights} bytes, where they go
     */
    void packForward(int lane, int part, Matrix weights, Matrix packed);

    /**
     * Puts all weights into that layout.
     *
     * @param lane whose scratch is used
     * @param weights in the PyTorch layout, float32
     * @param packed {@link ConvolutionMemory#packedWeights} bytes, where they go
     */
    default void packForward(int lane, Matrix weights, Matrix packed) {
        for (int part = 0; part < parts(); part++) {
            packForward(lane, part, weights, packed);
        }
    }

    /**
     * Puts a part of the weights into the layout that backward passes read. Other lanes may be at
     * work, on other parts, too.
     *
     * @param lane whose scratch is used
     * @param part from 0, less than {@link #parts}
     * @param weights in the PyTorch layout, float32
     * @param packed {@link ConvolutionMemory#packedWeights} bytes, where they go
     */
    void packBackward(int lane, int part, Matrix weights, Matrix packed);

    /**
     * Puts all weights into that layout.
     *
     * @param lane whose scratch is used
     * @param weights in the PyTorch layout, float32
     * @param packed {@link ConvolutionMemory#packedWeights} bytes, where they go
     */
    default void packBackward(int lane, Matrix weights, Matrix packed) {
        for (int part = 0; part < parts(); part++) {
            packBackward(lane, part, weights, packed);
        }
    }
}

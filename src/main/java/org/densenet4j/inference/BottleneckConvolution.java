package org.densenet4j.inference;

import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.BottleneckLayerInference;
import org.densenet4j.plan.Chunk;

/**
 * The 3x3 half of a dense layer with a bottleneck: {@code Y = conv3x3(relu(bn2(Z)))}, appended to
 * the block.
 */
sealed interface BottleneckConvolution
        permits ChunkedBottleneckConvolution, AppendedBottleneckConvolution {

    /**
     * Straight to the block, or by way of scratch memory; the weights are packed.
     *
     * @param weights [k, 4k, 3, 3]
     * @param affine [2, 4k] of bn2
     */
    static BottleneckConvolution of(
            InferenceDevice on,
            BottleneckLayerInference memory,
            float[] weights,
            Matrix affine,
            Target target) {
        return memory.appends()
                ? new AppendedBottleneckConvolution(on, memory, weights, affine, target)
                : new ChunkedBottleneckConvolution(on, memory, weights, affine, target);
    }

    /**
     * New features of a chunk of images.
     *
     * @param chunk of them, counted from {@code firstImage} on
     * @param z from that image on; may be changed
     */
    void forward(int lane, Chunk chunk, int firstImage, Matrix z);

    /** Into how many bands an image may be cut for {@link #forwardBand}; 1 where not. */
    int mostBands();

    /**
     * New features of some lines of an image: fewer images than lanes are shared by these.
     *
     * @param image counted from {@code firstImage} on
     * @param z from that image on
     */
    void forwardBand(int lane, int image, int band, int bands, int firstImage, Matrix z);
}

package org.densenet4j.backend;

/**
 * A convolution of one shape, ready to run on chunks of images.
 *
 * <p>Source and destination are dense (NHWC), but where {@link #writesColumns} says so.
 */
public interface Convolution extends PackedWeights {
    /** {@return the shape, with the most images of one call} */
    ConvolutionShape shape();

    /**
     * {@return whether the output of {@link #forward} and {@link #forwardBand} may also be columns
     * of a wider matrix, so that new features need no copy to their block}
     */
    default boolean writesColumns() {
        return false;
    }

    /**
     * {@code output = source * weights} for the first {@code images} images.
     *
     * @param lane whose scratch is used
     * @param images how many of the shape's, from 1
     * @param source [images·height·width, in]
     * @param packed weights as {@link #packForward} left them
     * @param output [images·outputHeight·outputWidth, out], dense, or columns where {@link
     *     #writesColumns}
     */
    void forward(int lane, int images, Matrix source, Matrix packed, Matrix output);

    /**
     * {@code output = max(0, z·scale + shift) * weights}: a convolution behind a batch
     * normalisation and a ReLU.
     *
     * @param kernels of the same arena
     * @param lane whose scratch is used
     * @param images how many of the shape's, from 1
     * @param z [images·height·width, in], not changed
     * @param affine [2, in] scale and shift of the batch normalisation
     * @param normalised scratch for the normalised images
     * @param packed weights as {@link #packForward} left them
     * @param output [images·outputHeight·outputWidth, out], dense, or columns where {@link
     *     #writesColumns}
     */
    default void forward(
            Kernels kernels,
            int lane,
            int images,
            Matrix z,
            Matrix affine,
            Matrix normalised,
            Matrix packed,
            Matrix output) {
        kernels.normaliseRelu(z, affine, normalised);
        forward(lane, images, normalised, packed, output);
    }

    /** {@return into how many bands an image may be cut for {@link #forwardBand}; 1 where not} */
    default int mostBands() {
        return 1;
    }

    /**
     * {@return the first line of the output of a band; that of the one behind the last is the
     * height}
     *
     * @param band from 0 to {@code bands}
     * @param bands into which an image is cut, at most {@link #mostBands}
     */
    default int firstLine(int band, int bands) {
        return band * shape().outputHeight() / bands;
    }

    /**
     * Some lines of {@link #forward} of a single image behind a batch normalisation and a ReLU, so
     * that several lanes may share it.
     *
     * @param lane whose scratch is used
     * @param band from 0, less than {@code bands}
     * @param bands into which the image is cut, at most {@link #mostBands}
     * @param z all of the image; not changed
     * @param affine [2, in] scale and shift of the batch normalisation
     * @param packed weights as {@link #packForward} left them
     * @param output the band's lines, from {@link #firstLine} on
     */
    default void forwardBand(
            int lane, int band, int bands, Matrix z, Matrix affine, Matrix packed, Matrix output) {
        throw new UnsupportedOperationException("no bands of " + shape());
    }

    /**
     * The gradient of the source from the gradient of the output.
     *
     * @param lane whose scratch is used
     * @param images how many of the shape's, from 1
     * @param outputGradient [images·outputHeight·outputWidth, out]
     * @param packed weights as {@link #packBackward} left them
     * @param sourceGradient [images·height·width, in], overwritten
     */
    void backwardData(
            int lane, int images, Matrix outputGradient, Matrix packed, Matrix sourceGradient);

    /**
     * Adds the weight gradient of a chunk, in the device's layout, to {@code sum}.
     *
     * @param lane whose scratch is used
     * @param images how many of the shape's, from 1
     * @param source [images·height·width, in], what {@link #forward} read
     * @param outputGradient [images·outputHeight·outputWidth, out]
     * @param ofChunk scratch for the chunk's own contribution
     * @param sum {@link ConvolutionMemory#packedGradient} bytes of this lane, added to
     */
    void backwardWeights(
            int lane, int images, Matrix source, Matrix outputGradient, Matrix ofChunk, Matrix sum);

    /**
     * {@link #backwardWeights} of a convolution behind a batch normalisation and a ReLU.
     *
     * @param kernels of the same arena
     * @param lane whose scratch is used
     * @param images how many of the shape's, from 1
     * @param z [images·height·width, in], not changed
     * @param affine [2, in] scale and shift of the batch normalisation
     * @param normalised scratch for the normalised images
     * @param outputGradient [images·outputHeight·outputWidth, out]
     * @param ofChunk {@link ConvolutionMemory#packedGradient} bytes of scratch for the chunk's own
     *     contribution
     * @param sum {@link ConvolutionMemory#packedGradient} bytes of this lane, added to
     */
    default void backwardWeights(
            Kernels kernels,
            int lane,
            int images,
            Matrix z,
            Matrix affine,
            Matrix normalised,
            Matrix outputGradient,
            Matrix ofChunk,
            Matrix sum) {
        kernels.normaliseRelu(z, affine, normalised);
        backwardWeights(lane, images, normalised, outputGradient, ofChunk, sum);
    }

    /**
     * Adds a part of the lanes' sums to the gradient in the PyTorch layout. Other lanes may be at
     * work, on other parts, too.
     *
     * @param lane whose scratch is used
     * @param part from 0, less than {@link #parts}
     * @param sums one packed gradient per row; the part's own values are used as scratch
     * @param gradient where the result is added
     */
    void reduceWeightGradient(int lane, int part, Matrix sums, Matrix gradient);

    /**
     * Adds all of them.
     *
     * @param lane whose scratch is used
     * @param sums one packed gradient per row; they are used as scratch
     * @param gradient in the PyTorch layout, float32, added to
     */
    default void reduceWeightGradient(int lane, Matrix sums, Matrix gradient) {
        for (int part = 0; part < parts(); part++) {
            reduceWeightGradient(lane, part, sums, gradient);
        }
    }
}

package org.densenet4j.backend;

/**
 * The memory of one plan on one device, and the operations on it.
 *
 * <p>Allocated once, before the first step; nothing else is allocated while the arena lives.
 * Closing it twice is allowed; using it after that is an error.
 */
public interface DeviceArena extends AutoCloseable {
    /** {@return size in bytes} */
    long bytes();

    /** {@return the element-wise and reduction kernels} */
    Kernels kernels();

    /**
     * {@code c = op(a)·op(b)}, or {@code c += op(a)·op(b)}, as the shape says.
     *
     * @param lane whose scratch is used
     * @param shape of the three matrices
     * @param a [m, k], or [k, m] where the shape transposes it
     * @param b [k, n], or [n, k] where the shape transposes it
     * @param c [m, n]; overlaps neither
     */
    void multiply(int lane, GemmShape shape, Matrix a, Matrix b, Matrix c);

    /**
     * {@return a convolution ready to run in this arena}
     *
     * @param shape with the most images of one call
     */
    Convolution convolution(ConvolutionShape shape);

    /**
     * {@return a 1x1 convolution behind a batch normalisation, ready to run in this arena}
     *
     * @param shape with the most rows of one call
     */
    default PointwiseConvolution pointwise(PointwiseShape shape) {
        return new ComposedPointwise(this);
    }

    /**
     * Copies floats from the host: {@code source[from …]} to all elements of {@code target}.
     *
     * @param source values in the host's memory
     * @param from index of the first one
     * @param target any shape and stride; values are rounded to its type
     */
    void upload(float[] source, int from, Matrix target);

    /**
     * Starts to bring floats into device memory that a following {@link #upload} of the same array
     * takes them from; the copy runs while earlier work goes on. Only where {@link
     * Device#stagesInput}; elsewhere this does nothing.
     *
     * @param source the array that {@link #upload} will be given
     * @param count values to bring, from its start
     * @param staging device memory for them, at least {@code count} floats
     */
    void stage(float[] source, int count, Matrix staging);

    /**
     * Runs {@code work}, which does the same operations on the same memory whenever the key is the
     * same. A device may record it once and replay the recording; values that change from step to
     * step must then lie in device memory.
     *
     * @param key says by {@code equals} which work it is
     * @param work operations on this arena
     */
    void replay(Object key, Runnable work);

    /**
     * {@return what became of recording: {@code replayed}; {@code plain} where work runs as it is,
     * because nothing records or nothing has yet; or {@code failed:} and the reason without blanks}
     */
    default String recording() {
        return "plain";
    }

    /**
     * Copies 32-bit integers (labels) from the host to {@code offset}.
     *
     * @param source values in the host's memory
     * @param count how many of them, from the start
     * @param offset byte offset in the arena
     */
    void uploadInts(int[] source, int count, long offset);

    /**
     * Copies all elements of {@code source} to the host.
     *
     * @param source any shape and stride
     * @param target array in the host's memory
     * @param from index in {@code target} of the first value
     */
    void download(Matrix source, float[] target, int from);

    @Override
    void close();
}

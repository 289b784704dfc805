package org.densenet4j.backend;

import org.densenet4j.distributed.Communicator;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

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
     * Puts the second operand of a product into this device's own layout, for {@link
     * #multiplyPacked}; other lanes may be at work, on other operands.
     *
     * @param lane whose scratch is used
     * @param shape of the products, with the most rows of one call, A not transposed
     * @param b [k, n], or [n, k] where the shape transposes it
     * @param packed {@link PackedOperandMemory#packed} bytes
     * @return what products read: {@code packed}, or {@code b} itself where {@link
     *     Device#packedMemory} has no answer for the shape
     */
    default Matrix pack(int lane, GemmShape shape, Matrix b, Matrix packed) {
        return b;
    }

    /**
     * {@code c = a·op(b)}, or {@code c += a·op(b)}, as the shape says.
     *
     * @param lane whose scratch is used
     * @param shape that b was packed for
     * @param a [rows, k], at most as many rows as the shape has
     * @param b as {@link #pack} returned it
     * @param c [rows, n]; overlaps neither
     */
    default void multiplyPacked(int lane, GemmShape shape, Matrix a, Matrix b, Matrix c) {
        boolean add = shape.accumulate();
        multiply(lane, GemmShape.of(a, false, b, shape.transposeB(), c, add), a, b, c);
    }

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
     * {@return a 3x3 convolution that appends to a block, ready to run in this arena}
     *
     * @param shape with the most images of one call, for which {@link Device#appendedMemory} has an
     *     answer
     */
    default AppendedConvolution appended(ConvolutionShape shape) {
        throw new UnsupportedOperationException("nothing appends " + shape);
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
     * @param staging device memory for them, at least {@code count} elements of the type that
     *     {@link #upload} will store
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
     * Replaces every float of a vector by its sum over all ranks, behind the work that is queued
     * and before what is queued next. All ranks call it, on devices that {@link Device#join joined}
     * the communicator.
     *
     * <p>This way over the host's memory is for devices that have no better one.
     *
     * @param vector dense, float32
     * @param communicator whose ranks all call this
     */
    default void allReduce(Matrix vector, Communicator communicator) {
        int count = vector.rows() * vector.columns();
        float[] values = new float[count];
        download(vector, values, 0);
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment floats = memory.allocate(ValueLayout.JAVA_FLOAT, count);
            MemorySegment.copy(values, 0, floats, ValueLayout.JAVA_FLOAT, 0, count);
            communicator.allReduce(floats);
            MemorySegment.copy(floats, ValueLayout.JAVA_FLOAT, 0, values, 0, count);
        }
        upload(values, 0, vector);
    }

    /**
     * {@return whether sums run beside work that is queued behind them, so that parts of a vector
     * are worth being sent one by one}
     */
    default boolean sumsBesideWork() {
        return false;
    }

    /**
     * Starts to replace the floats of some parts by their sums over all ranks, in one message,
     * behind the work that is queued. What is queued next leaves them alone until {@link
     * #awaitAllReduce}. All ranks start the same parts in the same order.
     *
     * @param parts dense, float32
     * @param communicator whose ranks all call this
     */
    default void startAllReduce(List<Matrix> parts, Communicator communicator) {
        parts.forEach(part -> allReduce(part, communicator));
    }

    /** What is queued from here on finds the sums that were started. Does not wait itself. */
    default void awaitAllReduce() {}

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

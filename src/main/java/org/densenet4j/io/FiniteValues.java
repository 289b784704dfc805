package org.densenet4j.io;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Objects;

/** Values of a network's tensors, none of which may be infinite or no number. */
public final class FiniteValues {
    private static final String VARIANCE = ".running_var";

    private FiniteValues() {}

    /**
     * {@return the values of a tensor as single precision}
     *
     * @param path names the file in the message
     * @param name of the tensor: one that ends in {@code .running_var} may not be negative either
     * @param tensor any shape and type
     * @throws IOException in one line that names tensor and value
     */
    public static float[] of(Path path, String name, Tensor tensor) throws IOException {
        Objects.requireNonNull(path, "path");
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(tensor, "tensor");
        float[] values = tensor.toFloats();
        int unfit = firstUnfit(name, values);
        if (unfit >= 0) {
            throw new IOException(
                    path
                            + ": the tensor '"
                            + name
                            + "' has "
                            + values[unfit]
                            + " at "
                            + unfit
                            + whyUnfit(values[unfit])
                            + "; the training that it is from diverged, or the file is"
                            + " damaged");
        }
        return values;
    }

    /**
     * {@return where the first value of a tensor is that is infinite, no number or a negative
     * variance; −1 when there is none}
     *
     * @param name of the tensor: one that ends in {@code .running_var} may not be negative
     * @param values of the tensor, in single precision
     */
    public static int firstUnfit(String name, float[] values) {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(values, "values");
        boolean variance = name.endsWith(VARIANCE);
        if (areFit(values, variance)) {
            return -1;
        }
        for (int i = 0; i < values.length; i++) {
            if (!Float.isFinite(values[i]) || (variance && values[i] < 0)) {
                return i;
            }
        }
        return -1;
    }

    /**
     * {@return how the sentence that names a value of {@link #firstUnfit} goes on}
     *
     * @param value infinite, no number or a negative variance
     */
    public static String whyUnfit(float value) {
        return Float.isFinite(value)
                ? ", and a variance is never negative"
                : ", which is not a finite number";
    }

    /**
     * Whether all are, by a loop so plain that it is compiled at once and to vectors: the bits of
     * magnitudes are ordered as these are, and those of infinity come behind all numbers'. Of a
     * variance that is negative zero it does not know.
     */
    private static boolean areFit(float[] values, boolean variance) {
        int largest = 0;
        int signs = 0;
        for (float value : values) {
            int bits = Float.floatToRawIntBits(value);
            largest = Math.max(largest, bits & Integer.MAX_VALUE);
            signs |= bits;
        }
        return Float.isFinite(Float.intBitsToFloat(largest)) && !(variance && signs < 0);
    }
}

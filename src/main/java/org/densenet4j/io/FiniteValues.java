package org.densenet4j.io;

import java.io.IOException;
import java.nio.file.Path;

/** Values of a network's tensors, none of which may be infinite or no number. */
public final class FiniteValues {
    private static final String VARIANCE = ".running_var";

    private FiniteValues() {}

    /**
     * {@return the values of a tensor as single precision}
     *
     * @param path names the file in the message
     * @param name of the tensor: one that ends in {@code .running_var} may not be negative either
     * @throws IOException in one line that names tensor and value
     */
    public static float[] of(Path path, String name, Tensor tensor) throws IOException {
        float[] values = tensor.toFloats();
        boolean variance = name.endsWith(VARIANCE);
        for (int i = 0; i < values.length; i++) {
            if (!Float.isFinite(values[i]) || (variance && values[i] < 0)) {
                throw new IOException(
                        path
                                + ": the tensor '"
                                + name
                                + "' has "
                                + values[i]
                                + " at "
                                + i
                                + (Float.isFinite(values[i])
                                        ? ", and a variance is never negative"
                                        : ", which is not a finite number")
                                + "; the training that it is from diverged, or the file is"
                                + " damaged");
            }
        }
        return values;
    }
}

package org.densenet4j.io;

import java.io.IOException;
import java.util.Map;
import java.util.Set;

/**
 * Named tensors in a file, of whatever format. Entries that cannot be read as tensors are no error
 * until somebody wants one. Threads may read at the same time. Closing twice is allowed.
 */
public interface TensorFile extends AutoCloseable {

    /** {@return names of all tensors, in the file's order} */
    Set<String> names();

    /**
     * {@return whether there is a tensor of this name}
     *
     * @param name of the tensor, as the file spells it
     */
    boolean contains(String name);

    /**
     * {@return type and shape of a tensor; its data is not read}
     *
     * @param name of the tensor, as the file spells it
     * @throws IllegalArgumentException when there is none
     */
    TensorDescription describe(String name);

    /**
     * {@return a tensor by name}
     *
     * @param name of the tensor, as the file spells it
     * @throws IllegalArgumentException when there is none
     * @throws IOException when its data is broken
     */
    Tensor tensor(String name) throws IOException;

    /**
     * {@return entries that are not among {@link #names} since they cannot be read, by name: what
     * each one is, such as {@code F8_E4M3 [64, 3, 7, 7]} or {@code numpy.ndarray}}
     */
    Map<String, String> unreadable();

    /** {@return notes that the file carries; empty where the format has none} */
    Map<String, String> metadata();

    @Override
    void close();
}

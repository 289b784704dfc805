package org.densenet4j.io;

import java.io.IOException;
import java.util.Map;
import java.util.Set;

/** Named tensors in a file, of whatever format. Closing twice is allowed. */
public interface TensorFile extends AutoCloseable {

    /** Names of all tensors, in the file's order. */
    Set<String> names();

    /** Whether there is a tensor of this name. */
    boolean contains(String name);

    /**
     * A tensor by name.
     *
     * @throws IllegalArgumentException when there is none
     * @throws IOException when its data is broken
     */
    Tensor tensor(String name) throws IOException;

    /** Notes that the file carries; empty where the format has none. */
    Map<String, String> metadata();

    @Override
    void close();
}

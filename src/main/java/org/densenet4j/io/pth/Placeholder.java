package org.densenet4j.io.pth;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Stands for an object of a pickle that is no tensor and no plain container, such as the arguments
 * of the training script or a number of NumPy's. Nothing of it is made or called. What is set in it
 * by key is kept, because the dictionary that holds the weights may be of a class of its own.
 */
final class Placeholder {
    private final String what;
    private final Map<Object, Object> items = new LinkedHashMap<>();

    /**
     * Of a class or function.
     *
     * @param what its full name
     */
    Placeholder(String what) {
        this.what = what;
    }

    /** The full name of the class or function. */
    String what() {
        return what;
    }

    /** What was set by key. */
    Map<Object, Object> items() {
        return items;
    }
}

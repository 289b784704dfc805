package org.densenet4j.io.pth;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Stands for an object of a pickle that is no tensor and no plain container, such as the arguments
 * of the training script or a number of NumPy's. Nothing of it is made or called. What is set in it
 * by key is kept, because the dictionary that holds the weights may be of a class of its own.
 */
final class Placeholder {
    /** The class of NumPy's arrays. */
    static final String ARRAY = "numpy.ndarray";

    private final String what;
    private Map<Object, Object> items = Map.of();
    private boolean module;
    private Object arrayState;

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

    /** What was set by key; not to be changed. */
    Map<Object, Object> items() {
        return items;
    }

    /** The same, to set more. */
    Map<Object, Object> changedItems() {
        if (items.isEmpty()) {
            items = new LinkedHashMap<>(); // few placeholders have any
        }
        return items;
    }

    /** Looks at the state that is set: only whole modules of PyTorch have one with modules. */
    void state(Object state) {
        if (what.equals(ARRAY)) {
            arrayState = state;
        }
        module |= state instanceof Map<?, ?> map && map.containsKey("_modules");
    }

    /** What an array of NumPy's was set to; null for anything else. */
    Object arrayState() {
        return arrayState;
    }

    /** Whether it is a whole module of PyTorch: layers, and the class that they are of. */
    boolean isModule() {
        return module;
    }
}

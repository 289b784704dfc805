package org.densenet4j.backend.cuda;

import org.densenet4j.library.OptionalLibrary;

import java.util.Map;
import java.util.Optional;

/** JCuda's Java half: three libraries that are no modules, each found by one of its classes. */
final class JCudaClasses {
    private static final Map<String, String> CLASSES =
            Map.of(
                    "jcuda", "jcuda.driver.JCudaDriver",
                    "jcublas", "jcuda.jcublas.JCublas2",
                    "jcudnn", "jcuda.jcudnn.JCudnn");

    private JCudaClasses() {}

    /** Which of them is missing, in one line with the fix; empty when this module reads all. */
    static Optional<String> problem() {
        return CLASSES.entrySet().stream()
                .filter(library -> !OptionalLibrary.read(library.getValue()))
                .map(Map.Entry::getKey)
                .sorted()
                .reduce((first, second) -> first + ", " + second)
                .map(
                        missing ->
                                "JCuda's classes are not there; add org.jcuda:"
                                        + missing
                                        + " to the class path (on the module path also to"
                                        + " --add-modules)");
    }
}

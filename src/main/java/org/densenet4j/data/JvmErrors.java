package org.densenet4j.data;

import org.jspecify.annotations.Nullable;

/** Errors of the JVM, such as a heap that is full: no fault of what is being read. */
final class JvmErrors {
    /** Causes that are followed; a chain may be a circle. */
    private static final int MOST_CAUSES = 100;

    private JvmErrors() {}

    /** The first error among an exception and its causes; null when there is none. */
    static @Nullable Error in(Throwable thrown) {
        Throwable e = thrown;
        for (int i = 0; e != null && i < MOST_CAUSES; i++) {
            if (e instanceof Error error) {
                return error;
            }
            e = e.getCause();
        }
        return null;
    }
}

package org.densenet4j.backend;

import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Lines in the log that are worth saying once a process, however many devices there are. */
public final class Notice {
    private static final Set<String> TOLD = ConcurrentHashMap.newKeySet();

    private Notice() {}

    /**
     * Logs a line that was not logged before.
     *
     * @param level in the log named {@code org.densenet4j}
     * @param line one line; the same text is logged once
     */
    public static void once(System.Logger.Level level, String line) {
        Objects.requireNonNull(level, "level");
        Objects.requireNonNull(line, "line");
        if (TOLD.add(line)) {
            System.getLogger("org.densenet4j").log(level, line);
        }
    }
}

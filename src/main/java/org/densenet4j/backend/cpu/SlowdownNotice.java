package org.densenet4j.backend.cpu;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** One line in the log, once a process, where something that a user can mend costs speed. */
final class SlowdownNotice {
    static final String VECTOR_FLAG = "--add-modules jdk.incubator.vector";

    private static final Set<String> TOLD = ConcurrentHashMap.newKeySet();

    private SlowdownNotice() {}

    static void loopsWithoutVectors() {
        once("loops run without vectors, several times slower; start the JVM with " + VECTOR_FLAG);
    }

    static void once(String line) {
        if (TOLD.add(line)) {
            System.getLogger("org.densenet4j").log(System.Logger.Level.WARNING, line);
        }
    }
}

package org.densenet4j.backend.cpu;

import org.densenet4j.backend.Notice;

/** One line in the log, once a process, where something that a user can mend costs speed. */
final class SlowdownNotice {
    static final String VECTOR_FLAG = "--add-modules jdk.incubator.vector";

    private SlowdownNotice() {}

    static void loopsWithoutVectors() {
        once("loops run without vectors, several times slower; start the JVM with " + VECTOR_FLAG);
    }

    static void once(String line) {
        Notice.once(System.Logger.Level.WARNING, line);
    }
}

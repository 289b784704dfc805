package org.densenet4j.cli;

import java.nio.file.Path;

/** Where files about a run go. */
final class RunFolder {
    private RunFolder() {}

    /** The folder that a run's file lies in. */
    static Path of(Path file) {
        Path parent = file.toAbsolutePath().getParent();
        return parent == null ? Path.of(".") : parent;
    }
}

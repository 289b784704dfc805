package org.densenet4j.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.function.Executable;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Calls that have to be refused, each with its message; all that are wrong are told at once. */
public final class Refusals {
    private final Path folder;
    private final List<String> expected = new ArrayList<>();
    private final List<String> found = new ArrayList<>();

    /**
     * @param folder whose path stands as FOLDER in messages
     */
    public Refusals(Path folder) {
        this.folder = folder;
    }

    /** Calls, and keeps what is thrown beside {@code "Exception: message"}. */
    public void refuses(String exception, Executable call) {
        expected.add(exception);
        try {
            call.execute();
            found.add("nothing is thrown");
        } catch (Throwable e) {
            String message = String.valueOf(e.getMessage()).replace(folder.toString(), "FOLDER");
            found.add(e.getClass().getSimpleName() + ": " + message);
        }
    }

    /** Compares all that was thrown. */
    public void check() {
        assertEquals(String.join("\n", expected), String.join("\n", found));
    }
}

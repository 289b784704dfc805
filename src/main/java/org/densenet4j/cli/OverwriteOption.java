package org.densenet4j.cli;

import org.densenet4j.io.OutputRule;

import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** The option of commands that write a file or a folder that their user names. */
final class OverwriteOption {
    @Option(
            names = "--overwrite",
            description =
                    "replace files that exist; those that are read are never replaced, and an"
                            + " earlier report's own files need no permission")
    private boolean overwrite;

    /** For picocli. */
    OverwriteOption() {}

    /** Whether it was given. */
    boolean isGiven() {
        return overwrite;
    }

    /**
     * What may be written.
     *
     * @param inputs what the command reads
     */
    OutputRule rule(List<Path> inputs) throws IOException {
        return new OutputRule(inputs, overwrite);
    }
}

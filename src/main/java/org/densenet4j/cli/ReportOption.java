package org.densenet4j.cli;

import org.densenet4j.io.OutputRule;

import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;

/** Where a report goes. */
final class ReportOption {
    private static final Path RUNS = Path.of("runs");

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "folder of the report (default: a new one in runs/)")
    private Path out;

    @Mixin private OverwriteOption overwrite;

    /** For picocli. */
    ReportOption() {}

    /**
     * Looks before the work whether a report of these files can be written.
     *
     * @throws IOException in one line when it cannot, or would replace what is no such report
     */
    void check(Collection<String> files) throws IOException {
        OutputRule rule = overwrite.rule(List.of());
        if (out == null) {
            rule.checkFolder(RUNS, List.of());
        } else {
            rule.checkFolder(out, files);
        }
    }

    /**
     * The chosen folder, or a new one whose name begins with {@code kind}.
     *
     * @throws IOException as {@link #check}, which is asked again
     */
    Path folder(String kind, Collection<String> files) throws IOException {
        check(files);
        return out != null ? out : NewFolder.make(RUNS, kind + "-");
    }

    /**
     * Checks another file that is about to be written.
     *
     * @throws IOException in one line when it may not be replaced
     */
    void checkFile(Path file) throws IOException {
        overwrite.rule(List.of()).checkFile(file);
    }
}

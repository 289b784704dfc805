package org.densenet4j.cli;

import picocli.CommandLine.Option;

import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** Where a report goes. */
final class ReportOption {
    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "folder of the report (default: a new one in runs/)")
    private Path out;

    /** For picocli. */
    ReportOption() {}

    /** The chosen folder, or a new one whose name begins with {@code kind}. */
    Path folder(String kind) {
        if (out != null) {
            return out;
        }
        String time =
                LocalDateTime.now(ZoneId.systemDefault())
                        .format(DateTimeFormatter.ofPattern("yyyy-MM-dd-HHmmss", Locale.ROOT));
        return Path.of("runs", kind + "-" + time);
    }
}

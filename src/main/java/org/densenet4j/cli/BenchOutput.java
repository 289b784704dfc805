package org.densenet4j.cli;

import org.densenet4j.io.AtomicFile;
import org.densenet4j.profile.Benchmark;
import org.densenet4j.profile.BenchmarkReport;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Where the results of {@code bench} go: tables to the terminal, JSON to a file or there, too. */
record BenchOutput(String json) {
    private static final String STANDARD_OUTPUT = "-";

    /**
     * Looks before anything is measured whether the file can be written.
     *
     * @throws IllegalArgumentException in one line when it cannot
     */
    void check() {
        if (json == null || json.equals(STANDARD_OUTPUT)) {
            return;
        }
        Path file = Path.of(json).toAbsolutePath();
        if (!Files.isDirectory(file.getParent())) {
            throw new IllegalArgumentException(
                    "--json " + json + ": no folder " + file.getParent() + "; make it first");
        }
        if (Files.isDirectory(file)) {
            throw new IllegalArgumentException(
                    "--json " + json + " is a folder; name a file in it");
        }
        if (!Files.isWritable(file.getParent())) {
            throw new IllegalArgumentException(
                    "--json " + json + ": cannot write to the folder " + file.getParent());
        }
    }

    void write(Benchmark benchmark) throws IOException {
        if (STANDARD_OUTPUT.equals(json)) {
            System.out.print(BenchmarkReport.json(benchmark));
            return;
        }
        System.out.print(BenchmarkReport.text(benchmark));
        if (json != null) {
            AtomicFile.write(Path.of(json), BenchmarkReport.json(benchmark));
            System.out.println("\nwritten to " + json);
        }
    }
}

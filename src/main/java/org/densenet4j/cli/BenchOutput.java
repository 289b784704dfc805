package org.densenet4j.cli;

import org.densenet4j.io.AtomicFile;
import org.densenet4j.io.OutputRule;
import org.densenet4j.profile.Benchmark;
import org.densenet4j.profile.BenchmarkReport;

import java.io.IOException;
import java.nio.file.Path;

/** Where the results of {@code bench} go: tables to the terminal, JSON to a file or there, too. */
record BenchOutput(String json, OutputRule rule) {
    private static final String STANDARD_OUTPUT = "-";

    /**
     * Looks before anything is measured whether the file can be written.
     *
     * @throws IOException in one line when it cannot
     */
    void check() throws IOException {
        if (json != null && !json.equals(STANDARD_OUTPUT)) {
            if (json.isBlank()) {
                throw new IllegalArgumentException("--json '" + json + "' names no file");
            }
            rule.checkFile(Path.of(json));
        }
    }

    void write(Benchmark benchmark) throws IOException {
        if (STANDARD_OUTPUT.equals(json)) {
            System.out.print(BenchmarkReport.json(benchmark));
            return;
        }
        System.out.print(BenchmarkReport.text(benchmark));
        if (json != null) {
            check();
            AtomicFile.write(Path.of(json), BenchmarkReport.json(benchmark));
            System.out.println("\nwritten to " + json);
        }
    }
}

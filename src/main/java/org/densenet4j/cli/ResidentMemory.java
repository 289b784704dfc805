package org.densenet4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Resident memory of this process as Linux counts it. */
final class ResidentMemory {
    private static final Path STATUS = Path.of("/proc/self/status");

    private ResidentMemory() {}

    /** Whether the system tells. */
    static boolean isKnown() {
        return Files.isReadable(STATUS);
    }

    /** Bytes in memory now; 0 where unknown. */
    static long current() throws IOException {
        return entry("VmRSS:");
    }

    /** The most bytes that this process ever had in memory; 0 where unknown. */
    static long largest() throws IOException {
        return entry("VmHWM:");
    }

    private static long entry(String name) throws IOException {
        if (!isKnown()) {
            return 0;
        }
        return Files.readAllLines(STATUS).stream()
                .filter(line -> line.startsWith(name))
                .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("\\D", "")))
                .findFirst()
                .orElse(0);
    }
}

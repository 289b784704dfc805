package org.densenet4j.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Resident memory of this process, as Linux counts it. */
final class LinuxMemory {
    private LinuxMemory() {}

    /** Bytes now. */
    static long resident() throws IOException {
        return entry("VmRSS:");
    }

    /** The most bytes since {@link #forgetPeak}. */
    static long peak() throws IOException {
        return entry("VmHWM:");
    }

    /** Lets the peak begin again from now, where the kernel allows it. */
    static void forgetPeak() {
        try {
            Files.writeString(Path.of("/proc/self/clear_refs"), "5");
        } catch (IOException e) {
            // Then an earlier peak, of loading the library, may count: it is far below a step's.
        }
    }

    private static long entry(String name) throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith(name)) {
                return 1024 * Long.parseLong(line.replaceAll("\\D", ""));
            }
        }
        throw new IOException("/proc/self/status has no " + name);
    }
}

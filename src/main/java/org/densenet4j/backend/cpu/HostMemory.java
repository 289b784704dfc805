package org.densenet4j.backend.cpu;

import org.densenet4j.backend.DeviceException;
import org.densenet4j.backend.DeviceMemoryException;
import org.densenet4j.foreign.CFunction;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * Zeroed host memory for an arena. On Linux it is mapped directly and advised onto huge pages:
 * memory that is faulted in page by page costs a large part of a step's time, and an arena is
 * touched once and then reused.
 */
final class HostMemory {
    private static final int READ_WRITE = 3;
    private static final int PRIVATE_ANONYMOUS = 0x22;
    private static final int ADVISE_HUGE_PAGE = 14;
    private static final long HUGE_PAGE = 2L << 20;

    private HostMemory() {}

    /**
     * Allocates zeroed memory that is freed when {@code arena} closes.
     *
     * @throws DeviceException when the system refuses
     */
    static MemorySegment allocate(long bytes, Arena arena) {
        try {
            if (System.getProperty("os.name").equals("Linux")) {
                return map(bytes, arena);
            }
            return arena.allocate(bytes, 64);
        } catch (OutOfMemoryError e) {
            throw refused(bytes, e);
        }
    }

    /**
     * Memory that can be had without swapping: Linux's own estimate, which counts caches that can
     * be dropped; elsewhere unknown, and left to the system to refuse.
     */
    static long available() {
        try (Stream<String> lines = Files.lines(Path.of("/proc/meminfo"))) {
            return lines.filter(line -> line.startsWith("MemAvailable:"))
                    .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("\\D", "")))
                    .findFirst()
                    .orElse(Long.MAX_VALUE);
        } catch (IOException | UncheckedIOException e) {
            return Long.MAX_VALUE;
        }
    }

    private static DeviceException refused(long bytes, Throwable cause) {
        return new DeviceMemoryException("the system", bytes, available(), cause);
    }

    private static MemorySegment map(long bytes, Arena arena) {
        // Room to start on a huge-page boundary; the unused ends are never touched.
        long mapped = bytes + HUGE_PAGE;
        long base =
                CFunction.ofSystem("mmap").call(0, mapped, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0);
        if (base == -1) {
            throw refused(bytes, null);
        }
        long start = (base + HUGE_PAGE - 1) & -HUGE_PAGE;
        // Advice only: where huge pages are off, ordinary ones serve.
        CFunction.ofSystem("madvise").call(start, bytes, ADVISE_HUGE_PAGE);
        CFunction munmap = CFunction.ofSystem("munmap");
        return MemorySegment.ofAddress(start)
                .reinterpret(bytes, arena, _ -> munmap.call(base, mapped));
    }
}

package org.densenet4j.backend.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.densenet4j.backend.DeviceException;
import org.densenet4j.backend.DeviceMemoryException;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
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
        Linker linker = Linker.nativeLinker();
        MethodHandle mmap =
                linker.downcallHandle(
                        linker.defaultLookup().findOrThrow("mmap"),
                        FunctionDescriptor.of(
                                ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT,
                                JAVA_LONG));
        MethodHandle madvise =
                linker.downcallHandle(
                        linker.defaultLookup().findOrThrow("madvise"),
                        FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
        MethodHandle munmap =
                linker.downcallHandle(
                        linker.defaultLookup().findOrThrow("munmap"),
                        FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));
        // Room to start on a huge-page boundary; the unused ends are never touched.
        long mapped = bytes + HUGE_PAGE;
        try {
            MemorySegment base =
                    (MemorySegment)
                            mmap.invokeExact(
                                    MemorySegment.NULL,
                                    mapped,
                                    READ_WRITE,
                                    PRIVATE_ANONYMOUS,
                                    -1,
                                    0L);
            if (base.address() == -1) {
                throw refused(bytes, null);
            }
            long start = (base.address() + HUGE_PAGE - 1) & -HUGE_PAGE;
            // Advice only: where huge pages are off, ordinary ones serve.
            int ignored =
                    (int)
                            madvise.invokeExact(
                                    MemorySegment.ofAddress(start), bytes, ADVISE_HUGE_PAGE);
            return MemorySegment.ofAddress(start)
                    .reinterpret(bytes, arena, s -> unmap(munmap, base, mapped));
        } catch (DeviceException e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    private static void unmap(MethodHandle munmap, MemorySegment base, long bytes) {
        try {
            int ignored = (int) munmap.invokeExact(base, bytes);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}

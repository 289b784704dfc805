package org.densenet4j.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import com.sun.management.ThreadMXBean;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;

/**
 * Gives a reader damaged copies of a good file and watches what it does. {@code
 * -Ddensenet4j.fuzz=10000} makes that many of each file.
 */
final class Fuzzing {
    /** A hang is what takes longer than this for one small file on the slowest machine. */
    private static final Duration HANG = Duration.ofSeconds(60);

    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    private final Path file;
    private final byte[] original;
    private final Reader reader;
    private long allowedBytes;
    private long allowedPerByte = 32;
    private int refused;
    private int accepted;

    /** Reads the file that it was set up for. */
    @FunctionalInterface
    interface Reader {
        void read() throws IOException;
    }

    /**
     * @param file a good file, which is damaged in place and restored
     */
    private Fuzzing(Path file, Reader reader) throws IOException {
        this.file = file;
        this.original = Files.readAllBytes(file);
        this.reader = reader;
    }

    /**
     * Reads {@code mutations} damaged copies of a good file. Each one is read, or refused by an
     * IOException or IllegalArgumentException with a one-line message; none allocates more than a
     * fixed amount and a small multiple of its size.
     */
    static void run(Path file, int mutations, long seed, Reader reader) throws IOException {
        run(new Fuzzing(file, reader), mutations, seed);
    }

    /**
     * The same for a format that compresses.
     *
     * @param allowedPerByte bytes that may be allocated for a byte of the file
     */
    static void runCompressed(
            Path file, int mutations, long seed, long allowedPerByte, Reader reader)
            throws IOException {
        Fuzzing fuzzing = new Fuzzing(file, reader);
        fuzzing.allowedPerByte = allowedPerByte;
        run(fuzzing, mutations, seed);
    }

    private static void run(Fuzzing fuzzing, int atLeast, long seed) {
        int mutations = Math.max(atLeast, Integer.getInteger("densenet4j.fuzz", 0));
        assertTimeoutPreemptively(
                HANG.multipliedBy(2 + mutations / 1000), () -> fuzzing.all(mutations, seed));
        assertEquals(mutations, fuzzing.refused + fuzzing.accepted);
        assertTrue(fuzzing.refused > mutations / 20, "hardly anything was refused");
    }

    /** Reads a file that was damaged on purpose, under the same conditions. */
    static void once(Path file, Reader reader) throws IOException {
        Fuzzing fuzzing = new Fuzzing(file, reader);
        fuzzing.allowedBytes = 4 << 20;
        fuzzing.read(fuzzing.original, 0);
    }

    private void all(int mutations, long seed) throws IOException {
        long before = THREADS.getCurrentThreadAllocatedBytes();
        reader.read(); // loads classes as well: what a good file costs at most
        long good = THREADS.getCurrentThreadAllocatedBytes() - before;
        // A refusal may look which of the known networks a file has: a fixed cost.
        allowedBytes = 4 * good + (16 << 20);
        for (int i = 0; i < mutations; i++) {
            long one = seed * 1_000_003 + i;
            byte[] damaged = new Mutator(one).mutate(original);
            Files.write(file, damaged);
            read(damaged, one);
        }
        Files.write(file, original);
    }

    private void read(byte[] damaged, long seed) {
        String which = "seed " + seed + " of " + file.getFileName() + ": ";
        long before = THREADS.getCurrentThreadAllocatedBytes();
        try {
            reader.read();
            accepted++;
        } catch (IOException | IllegalArgumentException e) {
            String message = e.getMessage();
            assertTrue(message != null && !message.isBlank(), which + "no message in " + e);
            assertFalse(message.lines().count() > 1, which + message);
            refused++;
        } catch (RuntimeException | Error e) {
            fail(which + Arrays.hashCode(damaged), e);
        }
        long allocated = THREADS.getCurrentThreadAllocatedBytes() - before;
        long allowed = allowedBytes + allowedPerByte * damaged.length;
        assertTrue(allocated <= allowed, which + allocated + " bytes allocated");
    }
}

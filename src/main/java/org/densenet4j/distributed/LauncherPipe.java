package org.densenet4j.distributed;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import org.densenet4j.foreign.CFunction;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;

/**
 * A standard stream of this process, which a launcher reads and hands on. A launcher that is told
 * to end the job may do so before it has read what the process said last: MPICH's lost one in seven
 * of the lines that say why a job ends. So a process waits for its launcher before it tells it.
 */
final class LauncherPipe {
    static final LauncherPipe OUTPUT = new LauncherPipe(1);
    static final LauncherPipe ERRORS = new LauncherPipe(2);

    /** Enough for a host that is busy with everything else. */
    private static final long PATIENCE_MILLIS = 2_000;

    private static final boolean LINUX = System.getProperty("os.name").equals("Linux");

    /** Of {@code ioctl}: how many bytes of a pipe no one has read yet; Linux's number. */
    private static final int FIONREAD = 0x541B;

    private final int descriptor;

    LauncherPipe(int descriptor) {
        this.descriptor = descriptor;
    }

    /** Waits, but not for ever, until everything that was written has been read. */
    void awaitRead() {
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(PATIENCE_MILLIS);
        try {
            while (unread() > 0 && System.nanoTime() < end) {
                Thread.sleep(1);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Bytes that have been written and not been read; 0 of what is no pipe, and elsewhere. */
    int unread() {
        if (!LINUX) {
            return 0;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(JAVA_INT);
            int failed =
                    (int) CFunction.ofSystem("ioctl").call(descriptor, FIONREAD, bytes.address());
            return failed == 0 ? bytes.get(JAVA_INT, 0) : 0;
        }
    }
}

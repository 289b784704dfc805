package org.densenet4j.cli;

import java.io.PrintStream;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * A progress bar of one line, redrawn in place on a terminal. Elsewhere (a log file, CI) it prints
 * a line a minute.
 */
final class Progress {
    private static final int WIDTH = 28;
    private static final long REDRAW_NANOS = 100_000_000;
    private static final long LOG_NANOS = 60_000_000_000L;

    private final PrintStream out;
    private final boolean terminal;
    private final LongSupplier clock;
    private final long total;
    private final long start;
    private final long alreadyDone;
    private long drawn;
    private long logged;

    Progress(PrintStream out, long total, long alreadyDone) {
        this(
                out,
                total,
                alreadyDone,
                System.console() != null && System.console().isTerminal(),
                System::nanoTime);
    }

    /**
     * Elsewhere, or at another time.
     *
     * @param clock of nanoseconds
     */
    Progress(PrintStream out, long total, long alreadyDone, boolean terminal, LongSupplier clock) {
        this.out = out;
        this.total = total;
        this.alreadyDone = alreadyDone;
        this.terminal = terminal;
        this.clock = clock;
        this.start = clock.getAsLong();
        this.logged = start;
    }

    /** Seconds since this was made. */
    double seconds() {
        return (clock.getAsLong() - start) / 1e9;
    }

    /** Seconds until all is done, if it goes on as it went. */
    double rest(long done) {
        return done <= alreadyDone ? 0 : seconds() * (total - done) / (done - alreadyDone);
    }

    void show(long done, String status) {
        long now = clock.getAsLong();
        if (!terminal) {
            if (now - logged >= LOG_NANOS && done < total) {
                logged = now;
                out.printf(
                        Locale.ROOT,
                        "%3d%% %s  %s left%n",
                        100 * done / total,
                        status,
                        duration(rest(done)));
            }
            return;
        }
        if (now - drawn < REDRAW_NANOS && done < total) {
            return;
        }
        drawn = now;
        int filled = (int) (WIDTH * done / total);
        out.printf(
                Locale.ROOT,
                "\r\u001b[K%3d%% [%s%s] %s  %s left",
                100 * done / total,
                "#".repeat(filled),
                ".".repeat(WIDTH - filled),
                status,
                duration(rest(done)));
        out.flush();
    }

    /** Prints a line above the bar. */
    void line(String text) {
        out.println((terminal ? "\r\u001b[K" : "") + text);
    }

    static String duration(double seconds) {
        long s = Math.round(seconds);
        return s < 3600
                ? String.format(Locale.ROOT, "%d:%02d", s / 60, s % 60)
                : String.format(Locale.ROOT, "%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60);
    }
}

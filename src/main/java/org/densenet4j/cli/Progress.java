package org.densenet4j.cli;

import java.io.PrintStream;
import java.util.Locale;

/**
 * A progress bar of one line, redrawn in place on a terminal. Elsewhere (a log file, CI) it prints
 * nothing and the lines per epoch tell the story.
 */
final class Progress {
    private static final int WIDTH = 28;
    private static final long REDRAW_NANOS = 100_000_000;

    private final PrintStream out;
    private final boolean terminal = System.console() != null && System.console().isTerminal();
    private final long total;
    private final long start = System.nanoTime();
    private final long alreadyDone;
    private long drawn;

    Progress(PrintStream out, long total, long alreadyDone) {
        this.out = out;
        this.total = total;
        this.alreadyDone = alreadyDone;
    }

    /** Seconds since this was made. */
    double seconds() {
        return (System.nanoTime() - start) / 1e9;
    }

    void show(long done, String status) {
        long now = System.nanoTime();
        if (!terminal || (now - drawn < REDRAW_NANOS && done < total)) {
            return;
        }
        drawn = now;
        int filled = (int) (WIDTH * done / total);
        double rest = done == alreadyDone ? 0 : seconds() * (total - done) / (done - alreadyDone);
        out.printf(
                Locale.ROOT,
                "\r\u001b[K%3d%% [%s%s] %s  %s left",
                100 * done / total,
                "#".repeat(filled),
                ".".repeat(WIDTH - filled),
                status,
                duration(rest));
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

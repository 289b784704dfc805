package org.densenet4j.cli;

import org.densenet4j.download.ArtifactDownload;
import org.densenet4j.plan.Bytes;

/** Shows a download: a bar on a terminal, elsewhere a line for every tenth. */
final class FetchProgress implements ArtifactDownload.Listener {
    private static final int TENTHS = 10;

    private final long presentBefore;
    private Progress progress;
    private long tenth;

    /**
     * With what an earlier run fetched.
     *
     * @param presentBefore bytes
     */
    FetchProgress(long presentBefore) {
        this.presentBefore = presentBefore;
    }

    @Override
    public void step(String what) {
        if (progress == null) {
            System.err.println(what);
        } else {
            progress.line(what);
        }
    }

    @Override
    public void downloaded(long bytes, long total) {
        if (progress == null) {
            progress = new Progress(System.err, total, presentBefore);
            tenth = TENTHS * bytes / total;
        }
        String amount = Bytes.format(bytes) + " of " + Bytes.format(total);
        progress.show(bytes, amount);
        if (TENTHS * bytes / total > tenth) {
            tenth = TENTHS * bytes / total;
            if (System.console() == null || !System.console().isTerminal()) {
                System.err.println("  " + amount);
            }
        }
    }
}

package org.densenet4j.cli;

import org.densenet4j.io.OneLine;

import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** What the library logs, as one line each on the error stream. */
final class Notices extends Handler {
    private static final Logger LOGGER = Logger.getLogger("org.densenet4j");

    private Notices() {}

    /** Takes the place of the JDK's handler, which writes two lines; once is enough. */
    static synchronized void print() {
        for (Handler handler : LOGGER.getHandlers()) {
            if (handler instanceof Notices) {
                return;
            }
        }
        LOGGER.setUseParentHandlers(false);
        LOGGER.addHandler(new Notices());
    }

    @Override
    public void publish(LogRecord entry) {
        if (isLoggable(entry)) {
            System.err.println("note: " + OneLine.of(String.valueOf(entry.getMessage())));
        }
    }

    @Override
    public void flush() {
        System.err.flush();
    }

    @Override
    public void close() {
        // Standard error stays open.
    }
}

package org.densenet4j.cli;

import sun.misc.Signal;
import sun.misc.SignalHandler;

import java.io.IOException;

/**
 * Ctrl-C where nothing is worth saving: one line, the measuring process ends, too, and so does this
 * one.
 */
final class CancelSignal implements AutoCloseable {
    private static final int INTERRUPTED = 130;
    private static final long PATIENCE_MILLIS = 300;

    private final String message;
    private final SignalHandler previous;

    /** Takes over Ctrl-C until it is closed; {@code message} is what to say. */
    CancelSignal(String message) {
        this.message = message;
        SignalHandler before = null;
        try {
            before = Signal.handle(new Signal("INT"), signal -> stop());
        } catch (IllegalArgumentException e) {
            // The JVM was told to leave signals alone (-Xrs).
        }
        previous = before;
    }

    private void stop() {
        System.err.println("\n" + message);
        ProcessHandle.current().children().forEach(ProcessHandle::destroyForcibly);
        Runtime.getRuntime().halt(INTERRUPTED);
    }

    /**
     * A terminal interrupts the measuring process as well, and its end may be seen here before the
     * signal is: then this waits for the signal.
     *
     * @return the failure, when no signal comes
     */
    IOException awaited(IOException failure) {
        try {
            Thread.sleep(PATIENCE_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return failure;
    }

    @Override
    public void close() {
        if (previous != null) {
            Signal.handle(new Signal("INT"), previous);
        }
    }
}

package org.densenet4j.cli;

import sun.misc.Signal;
import sun.misc.SignalHandler;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Turns Ctrl-C (or a polite kill) into a flag: the loop finishes its step and saves, and the
 * process ends only then. A second Ctrl-C ends it at once.
 */
final class StopSignal implements AutoCloseable {
    private static final long PATIENCE_SECONDS = 60;
    private static final int INTERRUPTED = 130;

    private final CountDownLatch finished = new CountDownLatch(1);
    private final Thread hook = new Thread(this::stop, "densenet4j-stop");
    private final SignalHandler previous;
    private final SignalHandler previousTerm;
    private volatile boolean requested;

    StopSignal() {
        Runtime.getRuntime().addShutdownHook(hook);
        previous = handle("INT", signal -> interrupt());
        // Of several processes none may shut down before all of them have agreed to stop.
        previousTerm = Job.hasOthers() ? handle("TERM", signal -> requested = true) : null;
    }

    private static SignalHandler handle(String name, SignalHandler handler) {
        try {
            return Signal.handle(new Signal(name), handler);
        } catch (IllegalArgumentException e) {
            return null; // The JVM was told to leave signals alone (-Xrs): the hook runs.
        }
    }

    private void interrupt() {
        if (requested) {
            System.err.println("\nstopped at once; the last checkpoint is intact");
            Runtime.getRuntime().halt(INTERRUPTED);
        }
        requested = true;
        System.err.println("\nstopping after this step and saving; Ctrl-C again to stop at once");
    }

    /** The process is being shut down by something else, such as SIGTERM. */
    private void stop() {
        requested = true;
        try {
            finished.await(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    boolean requested() {
        return requested;
    }

    /** The loop has saved its work; the process may end. */
    @Override
    public void close() {
        finished.countDown();
        if (previous != null) {
            Signal.handle(new Signal("INT"), previous);
        }
        if (previousTerm != null) {
            Signal.handle(new Signal("TERM"), previousTerm);
        }
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException alreadyShuttingDown) {
            // Then the hook is running and has just been released.
        }
    }
}

package org.densenet4j.data;

import java.util.concurrent.Semaphore;

/**
 * Bounds the memory of decoded images: those that are held at once have no more pixels together
 * than the largest one may have alone. Thread-safe.
 */
final class PixelBudget {
    /** Pixels of one permit. */
    private static final int UNIT = 1024;

    private final long most;
    private final Semaphore free;

    PixelBudget(long most) {
        if (most < 1 || most > Integer.MAX_VALUE / 4) {
            throw new IllegalArgumentException(
                    "largest image = "
                            + most
                            + " pixels: use a number from 1 to "
                            + Integer.MAX_VALUE / 4);
        }
        this.most = most;
        this.free = new Semaphore(units(most), true);
    }

    private static int units(long pixels) {
        return (int) Math.ceilDiv(pixels, UNIT);
    }

    /** The most pixels that one image may have. */
    long most() {
        return most;
    }

    /** Waits until an image of this size has room; close what it returns to give it back. */
    Share take(long pixels) {
        int units = units(pixels);
        free.acquireUninterruptibly(units);
        return () -> free.release(units);
    }

    /** Room for one image. */
    interface Share extends AutoCloseable {
        @Override
        void close();
    }
}

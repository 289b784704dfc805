package org.densenet4j.data;

import java.util.concurrent.Semaphore;

/**
 * Bounds the memory of decoded images in the whole process, whoever decodes them: those that are
 * held at once take no more than half of the heap together, and one that needs more is held alone.
 * One that the heap cannot hold is refused before it is decoded. Thread-safe.
 */
final class DecodingMemory {
    /** What every image of this process is counted in. */
    static final DecodingMemory OF_PROCESS = new DecodingMemory(Runtime.getRuntime().maxMemory());

    /** Bytes of one permit. */
    private static final long UNIT = 1 << 14;

    private final long heap;
    private final int units;
    private final Semaphore free;

    DecodingMemory(long heap) {
        this.heap = heap;
        this.units = (int) Math.clamp(heap / 2 / UNIT, 1, Integer.MAX_VALUE);
        this.free = new Semaphore(units, true);
    }

    long heap() {
        return heap;
    }

    /**
     * Waits until so many bytes are free; close what it returns to give them back. A thread takes
     * one share at a time.
     *
     * @param what names the image in the message
     * @throws ImageMemoryException when the heap is smaller than that
     */
    Share take(String what, long bytes) throws ImageMemoryException {
        if (bytes > heap - heap / 8) {
            throw new ImageMemoryException(
                    what
                            + ": decoding takes about "
                            + megabytes(bytes)
                            + " of memory, the heap has "
                            + megabytes(heap),
                    null);
        }
        int taken = (int) Math.min(units, Math.ceilDiv(bytes, UNIT));
        free.acquireUninterruptibly(taken);
        return () -> free.release(taken);
    }

    static String megabytes(long bytes) {
        return Math.ceilDiv(bytes, 1L << 20) + " MB";
    }

    /** Room for one image. */
    interface Share extends AutoCloseable {
        @Override
        void close();
    }
}

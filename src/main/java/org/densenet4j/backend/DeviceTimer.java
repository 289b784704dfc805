package org.densenet4j.backend;

/**
 * Tells the time between points of a device's work. Marking does not wait: where work is queued, a
 * mark is queued behind it.
 */
public interface DeviceTimer extends AutoCloseable {
    /**
     * Marks the point where everything asked for so far is done.
     *
     * @param index which mark, {@code 0 <= index < marks}; an earlier one of this index is
     *     forgotten
     */
    void mark(int index);

    /**
     * {@return seconds from one mark to another; waits until the device has passed both}
     *
     * @param from index of the earlier mark
     * @param to index of the later mark
     */
    double seconds(int from, int to);

    @Override
    void close();
}

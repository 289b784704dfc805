package org.densenet4j.backend;

import java.util.Objects;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;

/**
 * One network's use of a device, operation by operation.
 *
 * <p>A device has one set of lanes, streams and library handles, so threads whose networks share it
 * take turns, first come, first served. A network itself belongs to one thread at a time: its
 * operations follow from each other, and those of two threads would be mixed up without a sign.
 *
 * <pre>{@code
 * try (DeviceUse turn = use.begin()) {
 *     // no other thread's operation runs on the device
 * }
 * }</pre>
 */
public final class DeviceUse implements AutoCloseable {
    private final String user;
    private final Device device;
    private final Lock turn;
    private final ReentrantLock mine = new ReentrantLock();
    private boolean ended;

    /**
     * Takes nothing yet.
     *
     * @param user such as "network", for messages
     */
    public DeviceUse(String user, Device device) {
        Objects.requireNonNull(user, "user");
        Objects.requireNonNull(device, "device");
        this.user = user;
        this.device = device;
        this.turn = device.turn();
    }

    /**
     * Waits for the device; {@link #close} gives it to the next. May be nested.
     *
     * @throws IllegalStateException when another thread is in an operation of the same user, or the
     *     user or the device is closed
     */
    public DeviceUse begin() {
        if (!mine.tryLock()) {
            throw new IllegalStateException(
                    "another thread is using this "
                            + user
                            + "; let one thread use it at a time, or give each its own");
        }
        turn.lock();
        if (device.isClosed()) {
            close();
            throw new IllegalStateException("the device of this " + user + " is closed");
        }
        if (ended) {
            close();
            throw new IllegalStateException("the " + user + " is closed");
        }
        return this;
    }

    /**
     * Waits for the user's own operations and for the device, which may be closed already, and
     * frees what the user has, once however often this is called. Nothing begins after that.
     */
    public void end(Runnable free) {
        Objects.requireNonNull(free, "free");
        mine.lock();
        turn.lock();
        try {
            if (!ended) {
                ended = true;
                free.run();
            }
        } finally {
            close();
        }
    }

    /** Ends what {@link #begin} began. */
    @Override
    public void close() {
        turn.unlock();
        mine.unlock();
    }
}

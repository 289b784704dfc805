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
    private final User user;

    /** Whether this is a turn, and not closed yet. */
    private boolean begun;

    /** Who takes turns. */
    private static final class User {
        final String name;
        final Device device;
        final Lock turn;
        final ReentrantLock mine = new ReentrantLock();
        boolean ended;

        User(String name, Device device) {
            this.name = name;
            this.device = device;
            this.turn = device.turn();
        }

        void release() {
            turn.unlock();
            mine.unlock();
        }
    }

    /**
     * Takes nothing yet.
     *
     * @param user such as "network", for messages
     * @param device whose turns are taken
     */
    public DeviceUse(String user, Device device) {
        Objects.requireNonNull(user, "user");
        Objects.requireNonNull(device, "device");
        this.user = new User(user, device);
    }

    private DeviceUse(User user) {
        this.user = user;
        this.begun = true;
    }

    /**
     * Waits for the device; {@link #close} of the turn that is returned gives it to the next. May
     * be nested.
     *
     * @return the turn, to be closed by the same thread
     * @throws IllegalStateException when another thread is in an operation of the same user, or the
     *     user or the device is closed
     */
    public DeviceUse begin() {
        if (!user.mine.tryLock()) {
            throw new IllegalStateException(
                    "another thread is using this "
                            + user.name
                            + "; let one thread use it at a time, or give each its own");
        }
        user.turn.lock();
        if (user.device.isClosed()) {
            user.release();
            throw new IllegalStateException("the device of this " + user.name + " is closed");
        }
        if (user.ended) {
            user.release();
            throw new IllegalStateException("the " + user.name + " is closed");
        }
        return new DeviceUse(user);
    }

    /**
     * Waits for the user's own operations and for the device, which may be closed already, and
     * frees what the user has, once however often this is called. Nothing begins after that.
     *
     * @param free run by the first call alone, while the device does nothing else
     */
    public void end(Runnable free) {
        Objects.requireNonNull(free, "free");
        user.mine.lock();
        user.turn.lock();
        try {
            if (!user.ended) {
                user.ended = true;
                free.run();
            }
        } finally {
            user.release();
        }
    }

    /**
     * Ends the turn that {@link #begin} returned. Closing it again does nothing, in particular not
     * to a turn around it.
     *
     * @throws IllegalStateException when another thread began the turn, which goes on
     */
    @Override
    public void close() {
        if (!begun) {
            return;
        }
        if (!user.mine.isHeldByCurrentThread()) {
            throw new IllegalStateException(
                    "another thread began to use this "
                            + user.name
                            + "; it has to end that itself");
        }
        begun = false;
        user.release();
    }
}

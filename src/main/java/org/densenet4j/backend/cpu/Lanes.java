package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ChunkTask;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.locks.LockSupport;

/**
 * A fixed team of threads that work through the chunks of a pass. The calling thread is lane 0.
 *
 * <p>A waiting lane spins before it sleeps; see {@link Patience}.
 */
final class Lanes implements AutoCloseable {
    /**
     * Longs of two cache lines, which processors fetch in pairs: lanes take chunks all the time.
     */
    private static final int SPACING = 16;

    private final int count;
    private final boolean fixedDeal;
    private final Patience patience = new Patience();
    private final Runnable onEnter;
    private final Thread[] workers;

    /**
     * The chunks that are left of each lane's share, {@link #SPACING} apart; see {@link #range}.
     */
    private final AtomicLongArray shares;

    private final AtomicBoolean running = new AtomicBoolean();
    private final AtomicInteger busy = new AtomicInteger();

    private volatile int pass;
    private volatile boolean closed;
    private volatile Throwable failure;
    private volatile Thread caller;
    private int chunks;
    private ChunkTask task;

    /**
     * @param fixedDeal lane i always takes the same chunks, so that sums kept per lane are the same
     *     from run to run; otherwise chunks go to whoever is free
     * @param onEnter run by a thread before it works on chunks
     */
    Lanes(int count, boolean fixedDeal, Runnable onEnter) {
        this.count = count;
        this.fixedDeal = fixedDeal;
        this.onEnter = onEnter;
        this.shares = new AtomicLongArray(count * SPACING);
        this.workers = new Thread[count - 1];
        for (int lane = 1; lane < count; lane++) {
            int mine = lane;
            workers[lane - 1] =
                    Thread.ofPlatform()
                            .daemon()
                            .name("densenet4j-lane-" + lane)
                            .start(() -> work(mine));
        }
    }

    int count() {
        return count;
    }

    /**
     * Runs all chunks and rethrows the first failure.
     *
     * @throws IllegalStateException when a pass is running: two would mix up each other's chunks
     */
    void forEachChunk(int chunkCount, ChunkTask chunkTask) {
        if (closed) {
            throw new IllegalStateException("the device is closed");
        }
        if (!running.compareAndSet(false, true)) {
            throw new IllegalStateException(
                    "the device is running a pass of another thread; hold its turn");
        }
        try {
            runPass(chunkCount, chunkTask);
        } finally {
            running.set(false);
        }
    }

    private void runPass(int chunkCount, ChunkTask chunkTask) {
        chunks = chunkCount;
        task = chunkTask;
        failure = null;
        onEnter.run();
        if (workers.length == 0 || (chunkCount == 1 && !fixedDeal)) {
            for (int chunk = 0; chunk < chunkCount; chunk++) {
                chunkTask.run(0, chunk);
            }
            return;
        }
        for (int lane = 0; lane < count; lane++) {
            shares.setPlain(lane * SPACING, range(firstOf(lane), firstOf(lane + 1)));
        }
        caller = Thread.currentThread();
        busy.set(workers.length);
        pass++; // publishes the fields above
        for (Thread worker : workers) {
            LockSupport.unpark(worker);
        }
        runChunks(0);
        int spins = patience.spins();
        int spin = 0;
        for (; busy.get() > 0; spin++) {
            if (spin < spins) {
                Thread.onSpinWait();
            } else {
                LockSupport.parkNanos(this, 1_000_000);
            }
        }
        patience.end(spin > spins);
        task = null;
        Throwable thrown = failure;
        if (thrown instanceof RuntimeException e) {
            throw e;
        } else if (thrown instanceof Error e) {
            throw e;
        }
    }

    /** Some of a number of things that are next to each other. */
    interface Part {
        void run(int lane, int first, int count);
    }

    /** Cuts a number of things into a part for each lane, but none smaller than {@code least}. */
    void forEachPart(int length, int least, Part part) {
        int parts = Math.clamp(length / Math.max(1, least), 1, count);
        if (parts == 1) {
            part.run(0, 0, length);
            return;
        }
        forEachChunk(
                parts,
                (lane, chunk) -> {
                    int first = (int) ((long) length * chunk / parts);
                    int end = (int) ((long) length * (chunk + 1) / parts);
                    part.run(lane, first, end - first);
                });
    }

    private void work(int lane) {
        onEnter.run();
        Patience patience = new Patience();
        int seen = 0;
        while (true) {
            int spins = patience.spins();
            int spin = 0;
            for (; pass == seen; spin++) {
                if (closed) {
                    return;
                }
                if (spin < spins) {
                    Thread.onSpinWait();
                } else {
                    LockSupport.park(this);
                }
            }
            patience.end(spin > spins);
            seen = pass;
            runChunks(lane);
            if (busy.decrementAndGet() == 0) {
                LockSupport.unpark(caller);
            }
        }
    }

    private void runChunks(int lane) {
        try {
            if (fixedDeal) {
                for (int c = firstOf(lane); c < firstOf(lane + 1); c++) {
                    task.run(lane, c);
                }
            } else {
                for (int c = take(lane); c >= 0; c = take(lane)) {
                    task.run(lane, c);
                }
            }
        } catch (RuntimeException | Error e) {
            failure = e;
            for (int i = 0; i < count; i++) {
                shares.set(i * SPACING, range(0, 0));
            }
        }
    }

    /** The first chunk of a lane's share. Shares are next to each other. */
    private int firstOf(int lane) {
        return (int) ((long) chunks * lane / count);
    }

    private static long range(int first, int end) {
        return (long) first << 32 | end;
    }

    private static int first(long range) {
        return (int) (range >>> 32);
    }

    private static int end(long range) {
        return (int) range;
    }

    private static int left(long range) {
        return end(range) - first(range);
    }

    /**
     * The next chunk of a lane's own share, whose neighbours it has in its cache; then the last one
     * of the lane that has the most left; −1 when there are none.
     */
    private int take(int lane) {
        while (true) {
            long own = shares.get(lane * SPACING);
            if (left(own) > 0) {
                if (shares.compareAndSet(lane * SPACING, own, range(first(own) + 1, end(own)))) {
                    return first(own);
                }
                continue;
            }
            int richest = richest();
            long other = shares.get(richest * SPACING);
            if (left(other) <= 0) {
                return -1;
            }
            if (shares.compareAndSet(
                    richest * SPACING, other, range(first(other), end(other) - 1))) {
                return end(other) - 1;
            }
        }
    }

    private int richest() {
        int richest = 0;
        for (int i = 1; i < count; i++) {
            if (left(shares.get(i * SPACING)) > left(shares.get(richest * SPACING))) {
                richest = i;
            }
        }
        return richest;
    }

    @Override
    public void close() {
        closed = true;
        for (Thread worker : workers) {
            LockSupport.unpark(worker);
        }
        for (Thread worker : workers) {
            try {
                worker.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }
}

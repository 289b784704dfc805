package org.densenet4j.backend.cpu;

/**
 * How long one thread spins for what it waits for before it sleeps. A step has hundreds of short
 * passes, and to sleep and be woken takes longer than most waits; but a thread that spins for one
 * whose core another process has taken keeps that from its core, too. So a wait that was too long
 * halves the next one's patience, and one that was not adds to it.
 */
final class Patience {
    /** Most looks: about a millisecond. */
    static final int MOST = 20_000;

    /** Fewest looks: some tens of microseconds, less than it takes to be woken. */
    static final int LEAST = 500;

    private static final int GAIN = 100;

    private int spins = MOST;

    /** How often to look before sleeping. Looks are not counted here: spinning writes nothing. */
    int spins() {
        return spins;
    }

    /**
     * What was waited for is there.
     *
     * @param slept whether that took longer than the spins
     */
    void end(boolean slept) {
        spins = slept ? Math.max(LEAST, spins / 2) : Math.min(MOST, spins + GAIN);
    }
}

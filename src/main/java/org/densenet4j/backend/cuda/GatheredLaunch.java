package org.densenet4j.backend.cuda;

import org.jspecify.annotations.Nullable;

/**
 * The small operations that wait to be launched together, of whichever arena of a device queued the
 * last. Whatever queues other work on the device's stream, or waits for it, launches them first.
 */
final class GatheredLaunch {
    private @Nullable SmallOperations waiting;

    /** Has an arena's operations launched before anything else; those of another are at once. */
    void wait(SmallOperations operations) {
        if (waiting != operations) {
            launch();
            waiting = operations;
        }
    }

    /** Launches what waits. */
    void launch() {
        SmallOperations now = waiting;
        waiting = null; // first: the launch itself comes by here
        if (now != null) {
            now.launch();
        }
    }

    /** Drops what waits: it belongs to work that has failed. */
    void forget() {
        SmallOperations now = waiting;
        waiting = null;
        if (now != null) {
            now.forget();
        }
    }
}

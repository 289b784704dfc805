package org.densenet4j.backend.cuda;

import java.util.function.IntSupplier;

/** Stands around every launch and every call that queues work on a stream. */
interface CallTrace {
    /** Calls, and nothing else. */
    CallTrace OFF = (name, traffic, call) -> call.getAsInt();

    /**
     * Makes the call; where a trace is on it is timed and counted, unless it fails.
     *
     * @param name the row of the trace that it belongs to
     * @param traffic what it moves and computes
     * @param call returns the driver's or the library's status, 0 for success
     * @return that status
     */
    int call(String name, Traffic traffic, IntSupplier call);
}

package org.densenet4j.backend.cpu;

import org.densenet4j.backend.DeviceArguments;
import org.densenet4j.backend.DeviceTimer;

/** The host's clock: on the CPU work is done when its call returns. */
final class HostTimer implements DeviceTimer {
    private final long[] nanos;

    HostTimer(int marks) {
        nanos = new long[marks];
    }

    @Override
    public void mark(int index) {
        DeviceArguments.checkMark("index", index, nanos.length);
        nanos[index] = System.nanoTime();
    }

    @Override
    public double seconds(int from, int to) {
        DeviceArguments.checkMark("from", from, nanos.length);
        DeviceArguments.checkMark("to", to, nanos.length);
        return (nanos[to] - nanos[from]) / 1e9;
    }

    @Override
    public void close() {
        // Nothing is held.
    }
}

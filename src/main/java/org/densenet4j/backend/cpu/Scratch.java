package org.densenet4j.backend.cpu;

/** How several things lie in a lane's scratch: each begins a cache line. */
final class Scratch {
    private static final int LINE = 64;

    private Scratch() {}

    /** Bytes rounded up to whole cache lines. */
    static long rounded(long bytes) {
        return Math.ceilDiv(bytes, (long) LINE) * LINE;
    }
}

package org.densenet4j.distributed;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/** A process without others: every sum is its own. */
enum SingleProcess implements Communicator {
    INSTANCE;

    @Override
    public int rank() {
        return 0;
    }

    @Override
    public int worldSize() {
        return 1;
    }

    @Override
    public int localRank() {
        return 0;
    }

    @Override
    public void allReduce(MemorySegment floats) {
        Objects.requireNonNull(floats, "floats");
    }

    @Override
    public void allReduce(double[] values) {
        Objects.requireNonNull(values, "values");
    }

    @Override
    public void broadcast(MemorySegment bytes, int root) {
        Objects.requireNonNull(bytes, "bytes");
    }

    @Override
    public void barrier() {}

    @Override
    public void abort(int exitCode) {
        Runtime.getRuntime().halt(exitCode);
    }

    @Override
    public void close() {}
}

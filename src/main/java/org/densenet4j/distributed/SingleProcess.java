package org.densenet4j.distributed;

import java.lang.foreign.MemorySegment;

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
    public void allReduce(MemorySegment floats) {}

    @Override
    public void allReduce(double[] values) {}

    @Override
    public void broadcast(MemorySegment bytes, int root) {}

    @Override
    public void barrier() {}

    @Override
    public void abort(int exitCode) {
        Runtime.getRuntime().halt(exitCode);
    }

    @Override
    public void close() {}
}

package org.densenet4j.backend.cuda;

/**
 * Launch geometry of a kernel.
 *
 * @param blocksX blocks along the first dimension
 * @param blocksY blocks along the second dimension, at most 65,535
 * @param threadsX threads of a block along the first dimension
 * @param threadsY threads of a block along the second dimension
 * @param sharedBytes dynamic shared memory of a block
 */
record Grid(int blocksX, int blocksY, int threadsX, int threadsY, int sharedBytes) {
    /** Of blocks without dynamic shared memory. */
    Grid(int blocksX, int blocksY, int threadsX, int threadsY) {
        this(blocksX, blocksY, threadsX, threadsY, 0);
    }

    /** Enough blocks of {@code threads} in one dimension for {@code count} threads. */
    static Grid of(long count, int threads) {
        return new Grid(Math.toIntExact(Math.ceilDiv(count, threads)), 1, threads, 1);
    }
}

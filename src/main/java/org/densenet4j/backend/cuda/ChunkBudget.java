package org.densenet4j.backend.cuda;

/**
 * How many bytes of scratch a chunk of a pass may take on a GPU.
 *
 * <p>Chunks that stay in the level-2 cache are read again from there, which is less than twice as
 * fast as the memory itself, and are so small that launching their kernels takes as long as running
 * them: half of an H100's cache is 8 µs of its memory's traffic, a launch some 2 µs, and products
 * of so few rows leave half of its multiprocessors idle. So a chunk is as large as its memory moves
 * in {@link #SECONDS}; beside what the plan keeps anyway it stays small.
 *
 * @param factor how much larger than that; infinity takes the whole batch
 * @param cacheBytes half of the level-2 cache
 * @param bytesPerSecond what the device's memory moves; 0 if unknown
 */
record ChunkBudget(double factor, long cacheBytes, long bytesPerSecond) {
    /** Traffic of a chunk: some forty launches' worth. */
    private static final double SECONDS = 80e-6;

    /** Chunks take at most one part in so many of what a plan keeps. */
    private static final int SHARE = 8;

    /**
     * The budget, which is never less than the cache's share.
     *
     * @param keptBytes of activations that the plan keeps from the forward to the backward pass
     */
    long bytes(long keptBytes) {
        long traffic = (long) (SECONDS * bytesPerSecond);
        return (long) (factor * Math.max(cacheBytes, Math.min(traffic, keptBytes / SHARE)));
    }
}

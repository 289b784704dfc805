package org.densenet4j.backend.cuda;

/**
 * A kernel of {@code cuda-kernels/dense_layer.cu} and what one of its blocks takes.
 *
 * @param name in the source
 * @param rowsOfTile rows, or pixels, of a tile
 * @param threads of a block
 * @param blocksOfMultiprocessor blocks that a multiprocessor runs at once
 * @param parts blocks beside each other of a share of the rows, each with a part of the
 *     bottleneck's channels; 1 where a block has them all
 * @param sharedBytes dynamic shared memory of a block
 */
record LayerKernel(
        String name,
        int rowsOfTile,
        int threads,
        int blocksOfMultiprocessor,
        int parts,
        int sharedBytes)
        implements RowSharing {
    /** Of a multiprocessor's shared memory, what every block takes besides its own. */
    private static final int RESERVED = 1 << 10;

    /**
     * As many blocks of a multiprocessor as its registers are bounded for, or as many as find room
     * in shared memory: a block can have all of a multiprocessor's but what is reserved for one.
     */
    static int blocksAtOnce(int bounded, int sharedBytes, int mostSharedBytes) {
        int fitting = (mostSharedBytes + RESERVED) / (sharedBytes + RESERVED);
        return Math.clamp(fitting, 1, bounded);
    }

    /** The shares of its rows. */
    RowShares shares(int rows, int multiprocessors) {
        return RowShares.of(rows, rowsOfTile, mostShares(multiprocessors));
    }

    /** Shares at most, of which a device runs all blocks at once. */
    int mostShares(int multiprocessors) {
        return Math.max(1, multiprocessors * blocksOfMultiprocessor / parts);
    }

    /** A grid of so many blocks along each dimension. */
    Grid grid(int blocksX, int blocksY) {
        return new Grid(blocksX, blocksY, threads, 1, sharedBytes);
    }

    @Override
    public long busiest(int rows, int multiprocessors) {
        RowShares s = shares(rows, multiprocessors);
        int together = Math.ceilDiv(s.blocks() * parts, multiprocessors);
        return (long) together * s.rowsOfBlock();
    }
}

package org.densenet4j.backend.cuda;

/**
 * A kernel of {@code cuda-kernels/dense_layer.cu} and what one of its blocks takes.
 *
 * @param name in the source
 * @param rowsOfTile rows, or pixels, of a tile
 * @param threads of a block
 * @param blocksOfMultiprocessor blocks for which its registers are bounded
 * @param sharedBytes dynamic shared memory of a block
 */
record LayerKernel(
        String name, int rowsOfTile, int threads, int blocksOfMultiprocessor, int sharedBytes) {

    /** The shares of a kernel whose blocks lie along the rows alone. */
    RowShares shares(int rows, int multiprocessors) {
        return RowShares.of(rows, rowsOfTile, multiprocessors * blocksOfMultiprocessor);
    }

    /** A grid of so many blocks along each dimension. */
    Grid grid(int blocksX, int blocksY) {
        return new Grid(blocksX, blocksY, threads, 1, sharedBytes);
    }

    /**
     * Rows that the busiest multiprocessor works on: what decides between two kernels that differ
     * in their tiles.
     */
    long busiest(int rows, int multiprocessors) {
        RowShares s = shares(rows, multiprocessors);
        int together = Math.ceilDiv(s.blocks(), multiprocessors);
        return (long) together * Math.min(rows, s.rowsOfBlock());
    }
}

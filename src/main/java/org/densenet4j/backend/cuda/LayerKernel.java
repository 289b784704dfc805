package org.densenet4j.backend.cuda;

import java.util.List;
import java.util.Optional;

/**
 * A kernel of {@code cuda-kernels/dense_layer.cu} and what one of its blocks takes.
 *
 * @param name in the source
 * @param rowsOfTile rows, or pixels, of a tile
 * @param threads of a block
 * @param blocksOfMultiprocessor blocks for which its registers are bounded
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
        int sharedBytes) {

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

    /**
     * Of the kernels that fit, the one whose busiest multiprocessor has least to do; of those that
     * are within a sixteenth of it the first, whose tiles are the tallest and read weights least
     * often.
     *
     * @param kernels the one with the tallest tiles first
     * @param mostSharedBytes shared memory that a block can have
     */
    static Optional<LayerKernel> leastBusy(
            List<LayerKernel> kernels, int rows, int multiprocessors, int mostSharedBytes) {
        List<LayerKernel> fitting =
                kernels.stream().filter(k -> k.sharedBytes() <= mostSharedBytes).toList();
        long least =
                fitting.stream().mapToLong(k -> k.busiest(rows, multiprocessors)).min().orElse(0);
        return fitting.stream()
                .filter(k -> k.busiest(rows, multiprocessors) <= least + least / 16)
                .findFirst();
    }

    /**
     * Rows that the busiest multiprocessor works on, whether or not the last tile is full: what
     * decides between two kernels that differ in their tiles.
     */
    private long busiest(int rows, int multiprocessors) {
        RowShares s = shares(rows, multiprocessors);
        int together = Math.ceilDiv(s.blocks() * parts, multiprocessors);
        return (long) together * s.rowsOfBlock();
    }
}

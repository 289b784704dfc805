package org.densenet4j.backend.cuda;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;

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
     * Of the kernels that fit, the one whose busiest multiprocessor has least to do; of equals the
     * first, whose tiles are the tallest and read weights least often.
     *
     * @param kernels the one with the tallest tiles first
     * @param mostSharedBytes shared memory that a block can have
     */
    static Optional<LayerKernel> leastBusy(
            List<LayerKernel> kernels, int rows, int multiprocessors, int mostSharedBytes) {
        return kernels.stream()
                .filter(kernel -> kernel.sharedBytes() <= mostSharedBytes)
                .min(Comparator.comparingLong(kernel -> kernel.busiest(rows, multiprocessors)));
    }

    /**
     * Rows that the busiest multiprocessor works on, whether or not the last tile is full: what
     * decides between two kernels that differ in their tiles.
     */
    private long busiest(int rows, int multiprocessors) {
        RowShares s = shares(rows, multiprocessors);
        int together = Math.ceilDiv(s.blocks(), multiprocessors);
        return (long) together * s.rowsOfBlock();
    }
}

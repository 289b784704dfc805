package org.densenet4j.backend.cuda;

import java.util.List;
import java.util.Optional;

/** A kernel whose blocks share rows. */
interface RowSharing {
    /** Dynamic shared memory of a block. */
    int sharedBytes();

    /**
     * Rows that the busiest multiprocessor works on, whether or not the last tile is full: what
     * decides between two kernels that differ in their tiles.
     */
    long busiest(int rows, int multiprocessors);

    /**
     * Of the kernels that fit, the one whose busiest multiprocessor has least to do; of those that
     * are within a sixteenth of it the first, whose tiles are the tallest and read weights least
     * often.
     *
     * @param kernels the one with the tallest tiles first
     * @param mostSharedBytes shared memory that a block can have
     */
    static <K extends RowSharing> Optional<K> leastBusy(
            List<K> kernels, int rows, int multiprocessors, int mostSharedBytes) {
        List<K> fitting = kernels.stream().filter(k -> k.sharedBytes() <= mostSharedBytes).toList();
        long least =
                fitting.stream().mapToLong(k -> k.busiest(rows, multiprocessors)).min().orElse(0);
        return fitting.stream()
                .filter(k -> k.busiest(rows, multiprocessors) <= least + least / 16)
                .findFirst();
    }
}

package org.densenet4j.backend.cuda;

/**
 * How threads lie over the pixels of a dense loss: a group of lanes shares a pixel's classes, and
 * takes every so-manieth pixel, with a tally of its own in scratch.
 *
 * @param grid one dimension of blocks; lanes of a group by groups of a block
 */
record PixelGroups(Grid grid) {
    private static final int WARP = 32;

    /**
     * @param blocks how many blocks of 256 threads fill the device
     * @throws IllegalArgumentException when there are more classes than scratch has room to count
     */
    static PixelGroups of(int pixels, int classes, int blocks) {
        int lanes = 1;
        while (lanes < Math.min(classes, WARP)) {
            lanes *= 2;
        }
        long tallyBytes = 4 * (1 + 3L * classes);
        long most = Tiling.REDUCTION_BYTES / tallyBytes;
        if (most == 0) {
            throw new IllegalArgumentException(
                    classes
                            + " classes of pixels; this device can count "
                            + (Tiling.REDUCTION_BYTES / 4 - 1) / 3
                            + " at most");
        }
        int perBlock = (int) Math.min(Tiling.THREADS / lanes, most);
        int wanted = Math.min(blocks, Math.ceilDiv(pixels, perBlock));
        int count = (int) Math.clamp(most / perBlock, 1, Math.max(1, wanted));
        return new PixelGroups(new Grid(count, 1, lanes, perBlock));
    }

    /** Groups of all blocks. */
    int count() {
        return grid.blocksX() * grid.threadsY();
    }
}

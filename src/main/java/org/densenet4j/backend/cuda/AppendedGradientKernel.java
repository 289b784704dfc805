package org.densenet4j.backend.cuda;

/**
 * The kernel of both gradients of a 3x3 convolution, {@code cuda-kernels/appended_gradient.cuh}.
 * Every other block is of the data or of the weights. Where both {@linkplain Shares#areTheSame have
 * the same shares} of the pixels, what both read comes from memory once.
 *
 * @param name in the source
 * @param blocksOfMultiprocessor blocks that a multiprocessor runs at once
 * @param data even blocks
 * @param weights odd blocks
 */
record AppendedGradientKernel(String name, int blocksOfMultiprocessor, Half data, Half weights)
        implements RowSharing {

    /**
     * What one of the two gradients takes.
     *
     * @param rowsOfTile pixels of a tile
     * @param ring rows of its ring
     * @param threads of a block
     * @param parts blocks beside each other of a share of the pixels, each with a part of the
     *     bottleneck's channels
     * @param sharedBytes dynamic shared memory of a block
     */
    record Half(int rowsOfTile, int ring, int threads, int parts, int sharedBytes) {}

    @Override
    public int sharedBytes() {
        return Math.max(data.sharedBytes, weights.sharedBytes);
    }

    /**
     * The shares of both.
     *
     * @param ofData for the even blocks
     * @param ofWeights for the odd ones
     */
    record Shares(RowShares ofData, RowShares ofWeights) {
        /** Whether blocks of both kinds come to the same pixels at the same time. */
        boolean areTheSame() {
            return ofData.rowsOfBlock() == ofWeights.rowsOfBlock();
        }

        private int rowsOfLargest() {
            return Math.max(ofData.rowsOfBlock(), ofWeights.rowsOfBlock());
        }
    }

    /** Shares of one of the two at most, of which a device runs all blocks at once. */
    int mostShares(Half half, int multiprocessors) {
        return Math.max(1, multiprocessors * blocksOfMultiprocessor / (2 * half.parts));
    }

    /**
     * The same for both, where tiles allow it and no block has much more to do than it would else.
     */
    Shares shares(int rows, int multiprocessors) {
        Shares each =
                new Shares(
                        RowShares.of(rows, data.rowsOfTile, mostShares(data, multiprocessors)),
                        RowShares.of(
                                rows, weights.rowsOfTile, mostShares(weights, multiprocessors)));
        if (data.parts != weights.parts) {
            return each;
        }
        int step = leastCommonMultiple(data.rowsOfTile, weights.rowsOfTile);
        int largest = each.rowsOfLargest();
        int same = Math.ceilDiv(largest, step) * step;
        return same <= largest + largest / 16
                ? new Shares(ofRows(rows, same, data), ofRows(rows, same, weights))
                : each;
    }

    private static RowShares ofRows(int rows, int rowsOfBlock, Half half) {
        return new RowShares(
                half.rowsOfTile, rowsOfBlock / half.rowsOfTile, Math.ceilDiv(rows, rowsOfBlock));
    }

    private static int leastCommonMultiple(int a, int b) {
        int multiple = a;
        while (multiple % b != 0) {
            multiple += a;
        }
        return multiple;
    }

    /** As many blocks of both, of which some may have no pixels. */
    Grid grid(Shares shares) {
        int ofEach =
                Math.max(
                        shares.ofData.blocks() * data.parts,
                        shares.ofWeights.blocks() * weights.parts);
        int threads = Math.max(data.threads, weights.threads);
        return new Grid(2 * ofEach, 1, threads, 1, sharedBytes());
    }

    /** With all channels: a block that has a part of them has as much less to do. */
    @Override
    public long busiest(int rows, int multiprocessors) {
        Shares shares = shares(rows, multiprocessors);
        return Math.max(
                busiest(data, shares.ofData, multiprocessors),
                busiest(weights, shares.ofWeights, multiprocessors));
    }

    private static long busiest(Half half, RowShares s, int multiprocessors) {
        int together = Math.ceilDiv(2 * s.blocks() * half.parts, multiprocessors);
        return (long) together * s.rowsOfBlock() / half.parts;
    }
}

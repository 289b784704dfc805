package org.densenet4j.backend.cuda;

import java.util.List;

/**
 * How a product {@code C[m, n] = A[m, k]·B[k, n]} is cut for the kernels of {@code
 * cuda-kernels/tile_product.cuh}: tiles of C and, where those do not fill the device, parts of the
 * summed dimension, whose sums are written to scratch and added in order by a second launch.
 *
 * @param tile a block's part of C
 * @param tiles tiles that cover C
 * @param parts parts of the summed dimension
 * @param depthOfPart length of every part but the last
 * @param scratchBytes for the sums of the parts, 0 where there is only one
 */
record ProductTiling(Tile tile, int tiles, int parts, int depthOfPart, long scratchBytes) {
    /**
     * A block's part of the result.
     *
     * @param rows of C
     * @param columns of C
     */
    record Tile(int rows, int columns) {
        private int toCover(int m, int n) {
            return Math.toIntExact((long) Math.ceilDiv(m, rows) * Math.ceilDiv(n, columns));
        }

        /** Of one step of the summed dimension, in multiplications. */
        private long cost() {
            return (long) rows * columns + READ_COST * (rows + columns);
        }

        @Override
        public String toString() {
            return rows + "x" + columns;
        }
    }

    /** Blocks that a multiprocessor holds: {@code __launch_bounds__} of the kernels. */
    private static final int BLOCKS_PER_MULTIPROCESSOR = 2;

    /** Steps in which a block walks along the summed dimension. */
    private static final int STEP = 16;

    /** A part shorter than this is not worth writing its sums and reading them again. */
    private static final int LEAST_DEPTH = 64;

    /** Reading a value of an operand, as a number of multiplications. */
    private static final int READ_COST = 16;

    /**
     * @param m rows of C
     * @param n columns of C
     * @param k summed dimension
     * @param tiles what the kernel exists for
     * @param multiprocessors of the device
     * @param mostScratchBytes room for the sums of parts
     */
    static ProductTiling of(
            int m, int n, int k, List<Tile> tiles, int multiprocessors, long mostScratchBytes) {
        Tile best = tiles.getFirst();
        for (Tile tile : tiles) {
            if (tile.toCover(m, n) * tile.cost() < best.toCover(m, n) * best.cost()) {
                best = tile;
            }
        }
        int count = best.toCover(m, n);
        long bytesOfPart = 4L * m * n;
        long fit = mostScratchBytes / bytesOfPart;
        long filling = (long) BLOCKS_PER_MULTIPROCESSOR * multiprocessors / count;
        long wanted = Math.clamp(Math.min(fit, filling), 1, Math.max(1, k / LEAST_DEPTH));
        int steps = Math.ceilDiv(k, STEP);
        int depth = Math.toIntExact(STEP * Math.ceilDiv(steps, wanted));
        int parts = Math.ceilDiv(k, depth);
        return new ProductTiling(best, count, parts, depth, parts == 1 ? 0 : parts * bytesOfPart);
    }
}

package org.densenet4j.backend.cuda;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;

/**
 * How a tiled kernel's threads lie over a matrix; {@code cuda-kernels/common.cuh} is the other side
 * of it.
 *
 * @param vector channels of one thread: 4 where every row of every operand starts on the bytes of
 *     four elements, so that they are one access, else 1
 * @param storage of the activations among the operands
 * @param grid channel tiles by row tiles; 256 threads a block
 * @param rowsPerTile rows of every row tile but the last
 */
record Tiling(int vector, DataType storage, Grid grid, int rowsPerTile) {
    /** Threads of a block. */
    static final int THREADS = 256;

    /** Blocks are this many at most: enough to fill any device, few enough to sum their tiles. */
    static final int MOST_BLOCKS = 1024;

    /** Bytes of the sums that a reduction's blocks write: two floats for each channel of a tile. */
    static final long REDUCTION_BYTES = 2L * 4 * 32 * 4 * MOST_BLOCKS;

    /** A warp: 512 bytes of a row in one access of four channels a thread. */
    private static final int LANES = 32;

    private static final int ACCESS_ELEMENTS = 4;

    /**
     * Blocks of a tiled kernel that a multiprocessor holds at a time: {@code BLOCKS} of {@code
     * common.cuh}, for which registers are bounded.
     *
     * @param architecture compute capability without its point, such as 90
     */
    static int blocksPerMultiprocessor(int architecture) {
        return architecture < 80 ? 4 : 5;
    }

    /**
     * How many blocks of a kernel fill a device that looks at a pixel's neighbours, four on a
     * multiprocessor of five: {@code WINDOW_BLOCKS} of {@code common.cuh}.
     *
     * @param blocks how many blocks of other kernels fill it
     */
    static int windowBlocks(int blocks) {
        return Math.max(1, blocks * 4 / 5);
    }

    /**
     * @param rows rows to cover
     * @param columns channels to cover
     * @param blocks how many blocks fill the device
     * @param operands everything that the kernel reads and writes by rows
     */
    static Tiling of(int rows, int columns, int blocks, Matrix... operands) {
        int vector = columns % ACCESS_ELEMENTS == 0 && aligned(operands) ? ACCESS_ELEMENTS : 1;
        int threads = Math.ceilDiv(columns, vector);
        // A vector has one row: then the whole block lies along it.
        int most = Math.max(LANES, THREADS / powerOfTwo(Math.min(rows, THREADS)));
        int lanes = Math.min(most, powerOfTwo(threads));
        int channelTiles = Math.ceilDiv(threads, lanes);
        int tall = THREADS / lanes;
        int wanted =
                Math.clamp(
                        Math.min(blocks, MOST_BLOCKS) / channelTiles, 1, Math.ceilDiv(rows, tall));
        int rowsPerTile = Math.ceilDiv(rows, wanted);
        int rowTiles = Math.ceilDiv(rows, rowsPerTile);
        return new Tiling(
                vector,
                storage(operands),
                new Grid(channelTiles, rowTiles, lanes, tall),
                rowsPerTile);
    }

    /** The same channels with one row tile for each image or for everything. */
    Tiling withRowTiles(int count) {
        return new Tiling(
                vector,
                storage,
                new Grid(grid.blocksX(), count, grid.threadsX(), grid.threadsY()),
                rowsPerTile);
    }

    int rowTiles() {
        return grid.blocksY();
    }

    /**
     * The entry point for this access width, of a kernel all of whose activations are stored so.
     */
    String entry(String kernel) {
        return storage == DataType.FLOAT32 ? wide(kernel) : wide(kernel + "_bf16");
    }

    /** The entry point of a kernel that may read one type and write another. */
    String entry(String kernel, DataType source, DataType target) {
        if (source == target) {
            return entry(kernel);
        }
        return wide(kernel + (source == DataType.FLOAT32 ? "_to_bf16" : "_from_bf16"));
    }

    private String wide(String kernel) {
        return kernel + "_v" + vector;
    }

    /** Vectors of a value per channel are float32 beside activations of either type. */
    private static DataType storage(Matrix... operands) {
        for (Matrix m : operands) {
            if (m.type() != DataType.FLOAT32) {
                return m.type();
            }
        }
        return DataType.FLOAT32;
    }

    private static boolean aligned(Matrix... operands) {
        for (Matrix m : operands) {
            int bytes = ACCESS_ELEMENTS * m.type().bytes();
            boolean rows = m.rows() == 1 || m.rowBytes() % bytes == 0;
            if (m.offset() % bytes != 0 || !rows) {
                return false;
            }
        }
        return true;
    }

    private static int powerOfTwo(int n) {
        return n <= 1 ? 1 : Integer.highestOneBit(n - 1) << 1;
    }
}

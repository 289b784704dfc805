package org.densenet4j.backend.cpu;

/**
 * Where transformed tiles lie in a lane's scratch: 36 matrices [tiles, channels] with rows padded
 * to whole vectors, beside a line of zeros and 36 vectors of temporary values.
 *
 * @param offset of the matrices
 * @param tiles rows of each matrix
 * @param stride floats of a row
 * @param zeros offset of as many zeros as the widest pixel has channels
 * @param temporary offset of the temporary values
 */
record TileBuffers(long offset, int tiles, int stride, long zeros, long temporary) {
    /** Matrices: the elements of a 6x6 tile. */
    static final int ELEMENTS = 36;

    private static final int LINE = 16;

    /** Floats from one of the 36 matrices to the next. */
    long matrixFloats() {
        return matrixFloats(tiles, stride);
    }

    /**
     * An odd number of cache lines: one element of each matrix is written at a time, and at even
     * distances those lines compete for a few sets of the first-level cache.
     */
    static long matrixFloats(int tiles, int stride) {
        long lines = Math.ceilDiv((long) tiles * stride, LINE);
        return (lines | 1) * LINE;
    }

    /** Bytes from one of the 36 matrices to the next. */
    long matrixBytes() {
        return 4 * matrixFloats();
    }

    /** Bytes of all of them. */
    long bytes() {
        return ELEMENTS * matrixBytes();
    }

    /** Offset of a row's channel in the first matrix. */
    long element(int tile, int channel) {
        return offset + 4L * ((long) tile * stride + channel);
    }
}

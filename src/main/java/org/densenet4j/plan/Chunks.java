package org.densenet4j.plan;

/**
 * How a batch is cut into chunks whose scratch stays in the cache. The cut does not depend on the
 * number of lanes, so neither do statistics, which are summed per chunk.
 *
 * @param rowsPerImage pixels of one image, H·W
 * @param rowsPerChunk rows of every chunk but possibly the last: a whole number of images, or an
 *     even fraction of one
 */
public record Chunks(int rowsPerImage, int rowsPerChunk) {
    private static final int FLOATS_OF_A_LINE = 16;

    /** Fewer rows are not worth a lane of their own. */
    private static final int LEAST_ROWS = 16;

    /**
     * Chunks that end on image boundaries, as convolutions need, within {@code budget} bytes where
     * one image allows it.
     *
     * @param leastChunks chunks of a full batch, at least, where it has as many images
     */
    static Chunks ofImages(
            int rowsPerImage, long bytesPerRow, int batch, long budget, int leastChunks) {
        long fit = budget / Math.multiplyExact(bytesPerRow, rowsPerImage);
        long images = Math.clamp(fit, 1, Math.max(1, batch / leastChunks));
        return new Chunks(rowsPerImage, Math.toIntExact(images * rowsPerImage));
    }

    /** Chunks that may end anywhere: fractions of an image where a whole one does not fit. */
    static Chunks ofRows(
            int rowsPerImage, long bytesPerRow, int batch, long budget, int leastChunks) {
        int divisor = 1;
        while (rowsPerImage % (2 * divisor) == 0
                && rowsPerImage / divisor >= 256
                && bytesPerRow * rowsPerImage / divisor > budget) {
            divisor *= 2;
        }
        if (divisor > 1) {
            return new Chunks(rowsPerImage, rowsPerImage / divisor);
        }
        return ofImages(rowsPerImage, bytesPerRow, batch, budget, leastChunks);
    }

    /**
     * Columns of a matrix in a part for each lane, of whole cache lines.
     *
     * @param columns in all, counted like the rows of one image
     * @param lanes parts at most
     * @return the parts, as chunks of one image
     */
    public static Chunks ofColumns(int columns, int lanes) {
        int lines = Math.ceilDiv(Math.ceilDiv(columns, lanes), FLOATS_OF_A_LINE);
        return new Chunks(columns, lines * FLOATS_OF_A_LINE);
    }

    /** The same rows in a chunk for each lane or more, where there are fewer chunks than lanes. */
    Chunks forLanes(int batch, int lanes) {
        int rows = Math.max(LEAST_ROWS, Math.ceilDiv(batch * rowsPerImage, lanes));
        return count(batch) >= lanes || rows >= rowsPerChunk
                ? this
                : new Chunks(rowsPerImage, rows);
    }

    /**
     * {@return the same images with another number of pixels per image}
     *
     * @param pixels of an image of the other matrix
     */
    public Chunks ofPixels(int pixels) {
        return new Chunks(pixels, imagesPerChunk() * pixels);
    }

    /**
     * {@return number of chunks of a batch}
     *
     * @param images of the batch
     */
    public int count(int images) {
        return Math.ceilDiv(images * rowsPerImage, rowsPerChunk);
    }

    /**
     * {@return a chunk of a batch}
     *
     * @param index from 0 to below {@link #count}
     * @param images of the batch
     */
    public Chunk chunk(int index, int images) {
        int rows = rows(index, images);
        int first = firstRow(index);
        return new Chunk(index, first, rows, first / rowsPerImage, rows / rowsPerImage);
    }

    /**
     * {@return first row of a chunk}
     *
     * @param chunk from 0 to below {@link #count}
     */
    public int firstRow(int chunk) {
        return chunk * rowsPerChunk;
    }

    /**
     * {@return rows of a chunk: the last one may be shorter}
     *
     * @param chunk from 0 to below {@link #count}
     * @param images of the batch
     */
    public int rows(int chunk, int images) {
        return Math.min(rowsPerChunk, images * rowsPerImage - firstRow(chunk));
    }

    /** {@return most images in one chunk (0 when a chunk is a fraction of an image)} */
    public int imagesPerChunk() {
        return rowsPerChunk / rowsPerImage;
    }
}

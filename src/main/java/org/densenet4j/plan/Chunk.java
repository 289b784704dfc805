package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;

/**
 * Some rows of a batch that are worked on together.
 *
 * @param index number of the chunk
 * @param firstRow its first row
 * @param rows number of its rows
 * @param firstImage the image that its first row is of
 * @param images number of its images, where it ends on image boundaries
 */
public record Chunk(int index, int firstRow, int rows, int firstImage, int images) {
    /**
     * {@return its rows of a matrix that has the rows that are counted here}
     *
     * @param matrix of the whole batch
     */
    public Matrix of(Matrix matrix) {
        return matrix.rows(firstRow, rows);
    }

    /**
     * {@return the first rows of a scratch matrix: as many as this chunk has}
     *
     * @param scratch of at least as many rows
     */
    public Matrix in(Matrix scratch) {
        return scratch.rows(0, rows);
    }

    /**
     * {@return its two rows of the partial sums of all chunks}
     *
     * @param partials [2·chunks, C]
     */
    public Matrix partial(Matrix partials) {
        return partials.rows(2 * index, 2);
    }

    /**
     * {@return the same with rows of its image above and below}
     *
     * @param rowsAbove rows of the batch, a whole number of rows of pixels
     * @param rowsBelow the same below
     */
    public Chunk extended(int rowsAbove, int rowsBelow) {
        return new Chunk(index, firstRow - rowsAbove, rows + rowsAbove + rowsBelow, firstImage, 1);
    }

    /** {@return how many images it is pooled as: a band of rows is pooled like an image} */
    public int pooledImages() {
        return Math.max(1, images);
    }

    /**
     * {@return the same, counted from the first image of the batch, of a chunk that is counted from
     * a later one}
     *
     * @param before images that lie before those that are counted here
     * @param pixels of an image
     */
    public Chunk behind(int before, int pixels) {
        return new Chunk(index, before * pixels + firstRow, rows, before + firstImage, images);
    }

    /**
     * {@return the same images in a matrix with another number of pixels per image}
     *
     * @param pixels of an image of the other matrix
     */
    public Chunk ofPixels(int pixels) {
        return new Chunk(index, firstImage * pixels, images * pixels, firstImage, images);
    }
}

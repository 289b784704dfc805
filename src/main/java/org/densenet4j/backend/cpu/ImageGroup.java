package org.densenet4j.backend.cpu;

import java.util.function.Consumer;

/**
 * What {@link TiledConvolution} works on at a time: some images whole, or some rows of one.
 *
 * @param firstImage the first
 * @param images how many
 * @param firstRow of each
 * @param rows of each
 */
record ImageGroup(int firstImage, int images, int firstRow, int rows) {

    /**
     * Cuts images into groups that fit.
     *
     * @param most the largest group
     * @param firstRow the first row of every image
     * @param rows of every image
     */
    static void forEach(
            int images, int firstRow, int rows, ImageGroup most, Consumer<ImageGroup> work) {
        int imagesAtOnce = most.rows >= rows ? most.images : 1;
        int rowsAtOnce = Math.min(rows, most.rows);
        for (int image = 0; image < images; image += imagesAtOnce) {
            int count = Math.min(imagesAtOnce, images - image);
            for (int row = 0; row < rows; row += rowsAtOnce) {
                work.accept(
                        new ImageGroup(
                                image, count, firstRow + row, Math.min(rowsAtOnce, rows - row)));
            }
        }
    }
}

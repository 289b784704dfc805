package org.densenet4j.data;

import java.util.Objects;

/**
 * Images with a label for every pixel, ready for a network. The arrays are not copied: do not
 * change them while a step runs.
 *
 * @param images normalised pixels, NHWC
 * @param labels one class index per pixel, NHW; {@link #VOID} where there is none
 * @param indices which image of the {@link SegmentationDataset} each one is, in the order of the
 *     batch
 * @param height rows of pixels
 * @param width columns of pixels
 * @param channels values per pixel
 * @param metadata names of the classes and normalisation
 */
public record SegmentationBatch(
        float[] images,
        int[] labels,
        int[] indices,
        int height,
        int width,
        int channels,
        ImageMetadata metadata) {
    /** The label of pixels that belong to no class, which are neither trained on nor scored. */
    public static final int VOID = -1;

    /** Checks that the arrays fit each other. */
    public SegmentationBatch {
        Objects.requireNonNull(images, "images");
        Objects.requireNonNull(labels, "labels");
        Objects.requireNonNull(indices, "indices");
        Objects.requireNonNull(metadata, "metadata");
        if (indices.length == 0 || height < 1 || width < 1 || channels < 1) {
            throw new IllegalArgumentException(
                    indices.length
                            + " images of "
                            + height
                            + "x"
                            + width
                            + "x"
                            + channels
                            + ": use 1 or more of each");
        }
        // In double precision, where no product of four ints overflows.
        double pixels = (double) indices.length * height * width;
        if (labels.length != pixels || images.length != pixels * channels) {
            throw new IllegalArgumentException(
                    indices.length
                            + " images of "
                            + height
                            + "x"
                            + width
                            + "x"
                            + channels
                            + " are "
                            + (long) (pixels * channels)
                            + " floats and "
                            + (long) pixels
                            + " labels, the arrays have "
                            + images.length
                            + " and "
                            + labels.length);
        }
    }

    /** {@return number of images} */
    public int size() {
        return indices.length;
    }

    /** {@return pixels that have a label: those that a mean loss is taken over} */
    public int labelledPixels() {
        int count = 0;
        for (int label : labels) {
            count += label == VOID ? 0 : 1;
        }
        return count;
    }
}

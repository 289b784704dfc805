package org.densenet4j.data;

import java.util.Objects;

/**
 * Images and their labels, ready for a network. The arrays are not copied: do not change them while
 * a step runs.
 *
 * @param images normalised pixels, NHWC
 * @param labels one class index per image
 * @param indices which image of the {@link Dataset} each one is, in the order of the batch, however
 *     it was shuffled and augmented: targets of other kinds than a class (several labels, numbers)
 *     are looked up by it. Empty in batches that are of no data set
 * @param targets [images, outputs] vectors that images are labelled with instead of classes (then
 *     {@code labels} mean nothing), or shares of classes; NaN where there is none. Empty where
 *     {@code labels} are all
 * @param height rows of pixels
 * @param width columns of pixels
 * @param channels values per pixel
 * @param metadata names of the classes and normalisation, as far as they are known; a {@link
 *     BatchLoader} knows both, and a trainer saves them with its weights
 */
public record Batch(
        float[] images,
        int[] labels,
        int[] indices,
        float[] targets,
        int height,
        int width,
        int channels,
        ImageMetadata metadata) {

    /**
     * Of images with one class each.
     *
     * @param images normalised pixels, NHWC
     * @param labels one class index per image
     * @param indices which image of the {@link Dataset} each one is, or none
     * @param height rows of pixels
     * @param width columns of pixels
     * @param channels values per pixel
     * @param metadata names of the classes and normalisation, as far as they are known
     */
    public Batch(
            float[] images,
            int[] labels,
            int[] indices,
            int height,
            int width,
            int channels,
            ImageMetadata metadata) {
        this(images, labels, indices, new float[0], height, width, channels, metadata);
    }

    /**
     * Of arrays of the caller's, which are of no data set and of which nothing more is known.
     *
     * @param images normalised pixels, NHWC
     * @param labels one class index per image
     * @param height rows of pixels
     * @param width columns of pixels
     * @param channels values per pixel
     */
    public Batch(float[] images, int[] labels, int height, int width, int channels) {
        this(images, labels, new int[0], height, width, channels, ImageMetadata.NONE);
    }

    /**
     * Checks that the arrays fit each other.
     *
     * @throws IllegalArgumentException when there is no image, a size is not positive, or an array
     *     has another length than the images need
     */
    public Batch {
        Objects.requireNonNull(images, "images");
        Objects.requireNonNull(labels, "labels");
        Objects.requireNonNull(indices, "indices");
        Objects.requireNonNull(targets, "targets");
        Objects.requireNonNull(metadata, "metadata");
        if (labels.length == 0) {
            throw new IllegalArgumentException("a batch needs at least one image");
        }
        if (indices.length != 0 && indices.length != labels.length) {
            throw new IllegalArgumentException(
                    labels.length
                            + " images have "
                            + indices.length
                            + " indices: give one for each, or none");
        }
        if (targets.length % labels.length != 0) {
            throw new IllegalArgumentException(
                    labels.length
                            + " images have "
                            + targets.length
                            + " targets: give as many for each, or none");
        }
        if (height < 1 || width < 1 || channels < 1) {
            throw new IllegalArgumentException(
                    "images of "
                            + height
                            + "x"
                            + width
                            + "x"
                            + channels
                            + ": use 1 or more of each");
        }
        // In double precision, where no product of four ints overflows.
        double expected = (double) labels.length * height * width * channels;
        if (images.length != expected) {
            throw new IllegalArgumentException(
                    labels.length
                            + " images of "
                            + height
                            + "x"
                            + width
                            + "x"
                            + channels
                            + " are "
                            + (long) expected
                            + " floats, the array has "
                            + images.length);
        }
    }

    /**
     * {@return images that are labelled with vectors; the arrays are not copied}
     *
     * @param images normalised pixels, NHWC
     * @param targets [images, outputs], NaN where there is none
     * @param count images
     * @param height rows of pixels
     * @param width columns of pixels
     * @param channels values per pixel
     */
    public static Batch ofVectors(
            float[] images, float[] targets, int count, int height, int width, int channels) {
        if (count < 1) {
            throw new IllegalArgumentException("a batch needs at least one image");
        }
        return new Batch(
                images,
                new int[count],
                new int[0],
                targets,
                height,
                width,
                channels,
                ImageMetadata.NONE);
    }

    /** {@return number of images} */
    public int size() {
        return labels.length;
    }
}

package org.densenet4j.data;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * Images with boxes, ready for a network. The arrays are not copied: do not change them while a
 * step runs.
 *
 * @param images normalised pixels, NHWC
 * @param objects of each image, their boxes in shares of its sides
 * @param indices which image of the {@link DetectionDataset} each one is, in the order of the batch
 * @param height rows of pixels
 * @param width columns of pixels
 * @param channels values per pixel
 * @param metadata names of the classes and normalisation
 */
public record DetectionBatch(
        float[] images,
        List<List<LabelledBox>> objects,
        int[] indices,
        int height,
        int width,
        int channels,
        ImageMetadata metadata) {
    /** Checks that the parts fit each other. */
    public DetectionBatch {
        Objects.requireNonNull(images, "images");
        Objects.requireNonNull(objects, "objects");
        Objects.requireNonNull(indices, "indices");
        Objects.requireNonNull(metadata, "metadata");
        List<List<LabelledBox>> copies = new ArrayList<>();
        for (List<LabelledBox> image : objects) {
            copies.add(WithoutNull.copy(Objects.requireNonNull(image, "objects"), "objects"));
        }
        objects = List.copyOf(copies);
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
        double floats = (double) indices.length * height * width * channels;
        if (images.length != floats || objects.size() != indices.length) {
            throw new IllegalArgumentException(
                    indices.length
                            + " images of "
                            + height
                            + "x"
                            + width
                            + "x"
                            + channels
                            + " are "
                            + (long) floats
                            + " floats and "
                            + indices.length
                            + " lists of objects, not "
                            + images.length
                            + " and "
                            + objects.size());
        }
    }

    /** {@return number of images} */
    public int size() {
        return indices.length;
    }
}

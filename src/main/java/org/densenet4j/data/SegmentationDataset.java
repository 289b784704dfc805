package org.densenet4j.data;

import java.util.function.Function;

/**
 * Images with a label for every pixel, by index; implement it for a source of one's own.
 * Implementations can be read from several threads, and give the same for the same index every
 * time.
 *
 * <p>An image that cannot be read is reported as an {@link java.io.UncheckedIOException} whose
 * message names it; the loader then stops or skips it, as it was told.
 */
public interface SegmentationDataset {
    /** {@return number of images} */
    int size();

    /** {@return values per pixel of the images} */
    int channels();

    /** {@return what the labels mean} */
    SegmentationClasses classes();

    /**
     * {@return what an image is called in messages and in the names of what is predicted for it}
     *
     * @param index of the image, from 0 to below {@link #size}
     */
    String name(int index);

    /**
     * Reads an image at its own size with its labels, and uses both. Sources that decode large
     * files count their memory as taken until {@code use} returns.
     *
     * @param <T> what is made of the image
     * @param index of the image, from 0 to below {@link #size}
     * @param use gets them and should keep nothing of them
     * @return what {@code use} returned
     */
    <T> T read(int index, Function<LabelledImage, T> use);

    /**
     * {@return whether images were turned upright as their Exif data says, which is recorded with
     * the weights that are trained on them}
     */
    default boolean exifOrientation() {
        return false;
    }
}

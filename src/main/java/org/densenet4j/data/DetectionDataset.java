package org.densenet4j.data;

import java.util.List;
import java.util.function.Function;

/**
 * Images with boxes around the objects in them, by index; implement it for a source of one's own.
 * Implementations can be read from several threads, and give the same for the same index every
 * time.
 *
 * <p>An image that cannot be read is reported as an {@link java.io.UncheckedIOException} whose
 * message names it; the loader then stops or skips it, as it was told.
 */
public interface DetectionDataset {
    /** {@return number of images} */
    int size();

    /** {@return values per pixel of the images} */
    int channels();

    /** {@return names of the classes in the order of labels, without the background} */
    List<String> classNames();

    /**
     * {@return what an image is called in messages}
     *
     * @param index of the image, from 0 to below {@link #size}
     */
    String name(int index);

    /**
     * Reads an image at its own size with its objects, and uses both. Sources that decode large
     * files count their memory as taken until {@code use} returns.
     *
     * @param <T> what is made of the image
     * @param index of the image, from 0 to below {@link #size}
     * @param use gets them and should keep nothing of the pixels
     * @return what {@code use} returned
     */
    <T> T read(int index, Function<AnnotatedImage, T> use);

    /**
     * {@return whether images were turned upright as their Exif data says, which is recorded with
     * the weights that are trained on them}
     */
    default boolean exifOrientation() {
        return false;
    }
}

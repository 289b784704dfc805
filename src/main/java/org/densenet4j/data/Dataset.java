package org.densenet4j.data;

import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;

/**
 * Labelled images by index; implement it for a source of one's own. Implementations can be read
 * from several threads, and give the same image for the same index every time.
 *
 * <p>An image that cannot be read is reported as an {@link java.io.UncheckedIOException} whose
 * message names it; the loader then stops or skips it, as it was told.
 */
public interface Dataset {
    /** {@return number of images} */
    int size();

    /** {@return rows of pixels} */
    int height();

    /** {@return columns of pixels} */
    int width();

    /** {@return values per pixel} */
    int channels();

    /** {@return names of the classes; their number is the number of classes} */
    List<String> classNames();

    /**
     * {@return class of an image, {@code 0 <= label < classNames().size()}} Where targets are no
     * classes (several labels, numbers) answer 0, and look targets up by {@link Batch#indices}.
     *
     * @param index of the image, from 0 to below {@link #size}
     */
    int label(int index);

    /**
     * {@return what images are labelled with} {@code MULTILABEL} and {@code REGRESS} have {@link
     * #targets}, and {@link #classNames} name these; others have a {@link #label}.
     */
    default Task task() {
        return Task.CLASSIFY;
    }

    /**
     * {@return the vector that an image is labelled with, one number for each of {@link
     * #classNames}, NaN where there is none; empty where images have classes}
     *
     * @param index of the image, from 0 to below {@link #size}
     */
    default float[] targets(int index) {
        return new float[0];
    }

    /**
     * Reads an image.
     *
     * @param index of the image, from 0 to below {@link #size}
     * @param pixels receives H·W·C bytes, 0 to 255 unsigned, row by row, channels last
     */
    void read(int index, byte[] pixels);

    /**
     * {@return an image at its own size, which a random resized crop starts from} Sources of one
     * size need not implement it.
     *
     * @param index of the image, from 0 to below {@link #size}
     */
    default Image image(int index) {
        byte[] pixels = new byte[height() * width() * channels()];
        read(index, pixels);
        return new Image(height(), width(), channels(), pixels);
    }

    /**
     * Uses an image at its own size. Sources that decode large files count its memory as taken
     * until {@code use} returns; others need not implement it.
     *
     * @param <T> what is made of the image
     * @param index of the image, from 0 to below {@link #size}
     * @param use gets the image and should keep nothing of it
     * @return what {@code use} returned
     */
    default <T> T image(int index, Function<Image, T> use) {
        Objects.requireNonNull(use, "use");
        return use.apply(image(index));
    }

    /**
     * {@return whether images were turned upright as their Exif data says, which is recorded with
     * the weights that are trained on them}
     */
    default boolean exifOrientation() {
        return false;
    }

    /**
     * {@return how {@link #read} makes images of any size the network's input, which is recorded
     * with the weights that are trained on them; empty where that is the usual way, or there is
     * nothing to resize}
     */
    default Optional<Resizing> resizing() {
        return Optional.empty();
    }

    /**
     * {@return the first image of each of the archives that images lie in, one behind the other}
     * Where there are any, a loader that shuffles reads each archive onwards.
     */
    default List<Integer> shardStarts() {
        return List.of();
    }

    /** {@return number of classes} */
    default int classes() {
        return classNames().size();
    }
}

package org.densenet4j.data;

import java.util.List;

/** Labelled images of one size, by index. Implementations can be read from several threads. */
public interface Dataset {
    /** Number of images. */
    int size();

    /** Rows of pixels. */
    int height();

    /** Columns of pixels. */
    int width();

    /** Values per pixel. */
    int channels();

    /** Names of the classes; their number is the number of classes. */
    List<String> classNames();

    /** Class of an image, {@code 0 <= label < classNames().size()}. */
    int label(int index);

    /**
     * Reads an image.
     *
     * @param pixels receives H·W·C bytes, 0 to 255 unsigned, row by row, channels last
     */
    void read(int index, byte[] pixels);

    /** Number of classes. */
    default int classes() {
        return classNames().size();
    }
}

package org.densenet4j.testing;

import org.densenet4j.data.Dataset;

import java.util.List;

/**
 * Square images of three channels that a test fills. Labels go round the classes; without any, each
 * image's label is its index.
 */
public record FilledImages(int size, int side, List<String> classNames, Filling filling)
        implements Dataset {
    /** Writes the pixels of an image. */
    @FunctionalInterface
    public interface Filling {
        /** Fills {@code pixels}, row by row, channels last. */
        void fill(int index, byte[] pixels);
    }

    @Override
    public int height() {
        return side;
    }

    @Override
    public int width() {
        return side;
    }

    @Override
    public int channels() {
        return 3;
    }

    @Override
    public int label(int index) {
        return classNames.isEmpty() ? index : index % classNames.size();
    }

    @Override
    public void read(int index, byte[] pixels) {
        filling.fill(index, pixels);
    }
}

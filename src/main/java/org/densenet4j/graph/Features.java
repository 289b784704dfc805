package org.densenet4j.graph;

import java.util.Objects;

/**
 * One matrix of features: a row for every pixel of every image of a batch, a column for every
 * channel. A dense block owns one; its layers read columns that are there and write the next ones.
 *
 * <p>Two matrices are the same only if they are one object: the name is for people, files and
 * plans.
 */
public final class Features {
    static final int MOST_CHANNELS = 1 << 24;

    private final String name;
    private final int height;
    private final int width;
    private final int channels;

    /**
     * A matrix [N·height·width, channels].
     *
     * @param name for messages and reports
     * @param height rows of pixels
     * @param width columns of pixels
     * @param channels columns of the matrix
     * @throws IllegalArgumentException when it would have no pixels, no channels or more than
     *     16,777,216 of them
     */
    public Features(String name, int height, int width, int channels) {
        this.name = Objects.requireNonNull(name, "name");
        if (height < 1 || width < 1 || channels < 1) {
            throw new GraphException(
                    "the features '"
                            + name
                            + "' would be "
                            + height
                            + "x"
                            + width
                            + " pixels of "
                            + channels
                            + " channels: use larger images or fewer reductions");
        }
        if (channels > MOST_CHANNELS) {
            throw new GraphException(
                    "the features '"
                            + name
                            + "' would have "
                            + channels
                            + " channels, more than "
                            + MOST_CHANNELS);
        }
        this.height = height;
        this.width = width;
        this.channels = channels;
    }

    /** {@return a name that no other matrix of the network has} */
    public String name() {
        return name;
    }

    /** {@return rows of pixels of an image} */
    public int height() {
        return height;
    }

    /** {@return columns of pixels of an image} */
    public int width() {
        return width;
    }

    /** {@return columns of the matrix} */
    public int channels() {
        return channels;
    }

    /** {@return pixels of an image, which are the rows of the matrix that it takes} */
    public int pixels() {
        return Math.multiplyExact(height, width);
    }

    /**
     * {@return the columns {@code [from, from + count)}}
     *
     * @param from the first one, from 0
     * @param count 1 or more
     */
    public Columns columns(int from, int count) {
        return new Columns(this, from, count);
    }

    /**
     * {@return the first {@code count} columns: what a dense layer reads}
     *
     * @param count 1 or more
     */
    public Columns prefix(int count) {
        return columns(0, count);
    }

    /** {@return all columns} */
    public Columns all() {
        return columns(0, channels);
    }

    @Override
    public String toString() {
        return name + " " + height + "x" + width + "x" + channels;
    }
}

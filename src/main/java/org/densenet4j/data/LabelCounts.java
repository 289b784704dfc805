package org.densenet4j.data;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * How many pixels of a set each class has. Counting reads every image with its labels, so that what
 * is wrong with any of them shows before training and not in its middle.
 */
public final class LabelCounts {
    private final SegmentationClasses classes;
    private final long[] pixels;

    /** By label as an unsigned byte. */
    private LabelCounts(SegmentationClasses classes, long[] pixels) {
        this.classes = classes;
        this.pixels = pixels;
    }

    /**
     * Reads a set, by as many threads as there are processors.
     *
     * @param data is read once, as a whole
     * @return pixels of each class
     * @throws java.io.UncheckedIOException in one line when an image cannot be read or a label is
     *     none
     */
    public static LabelCounts of(SegmentationDataset data) {
        Objects.requireNonNull(data, "data");
        long[] pixels =
                IntStream.range(0, data.size())
                        .parallel()
                        .mapToObj(i -> data.read(i, LabelCounts::pixels))
                        .reduce(new long[256], LabelCounts::sum);
        return new LabelCounts(data.classes(), pixels);
    }

    private static long[] pixels(LabelledImage image) {
        long[] pixels = new long[256];
        for (byte label : image.labels()) {
            pixels[label & 0xFF]++;
        }
        return pixels;
    }

    private static long[] sum(long[] one, long[] other) {
        long[] sum = new long[one.length];
        Arrays.setAll(sum, i -> one[i] + other[i]);
        return sum;
    }

    /**
     * {@return pixels of a class}
     *
     * @param classIndex from 0
     */
    public long pixels(int classIndex) {
        return pixels[Index.checked("classIndex", classIndex, classes.count())];
    }

    /** {@return pixels of no class} */
    public long voidPixels() {
        return pixels[LabelledImage.VOID];
    }

    /** {@return all pixels} */
    public long allPixels() {
        return Arrays.stream(pixels).sum();
    }

    /** {@return classes that have no pixels} */
    public List<String> missing() {
        return IntStream.range(0, classes.count())
                .filter(c -> pixels[c] == 0)
                .mapToObj(classes.names()::get)
                .toList();
    }

    /**
     * {@return what is most likely a mistake, in one line: all pixels are void, or all others of
     * one class, as where masks of 0 and 255 are read as indices of which 255 is void}
     */
    public Optional<String> suspicion() {
        List<Integer> present =
                IntStream.range(0, classes.count()).filter(c -> pixels[c] > 0).boxed().toList();
        if (present.size() > 1) {
            return Optional.empty();
        }
        String voids = voidPixels() == 0 ? "" : ", and " + voidPixels() + " are void";
        return Optional.of(
                present.isEmpty()
                        ? "all pixels are void; does the void label, or the table of colours, fit"
                                + " the label images?"
                        : "all pixels with a label are of "
                                + classes.described(present.getFirst())
                                + voids
                                + "; does the void label, or the table of colours, fit the label"
                                + " images? (Masks of 0 and 255 need 0 and 1, or RGB with a"
                                + " table.)");
    }
}

package org.densenet4j.data;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** Images of one grey pixel, whose value is their index, with the labels that a test gives. */
record LabelledPixels(int... labels) implements Dataset {
    /** So many images of class 0, of class 1, and so on, one class behind the other. */
    static LabelledPixels counts(int... counts) {
        return new LabelledPixels(
                IntStream.range(0, counts.length)
                        .flatMap(c -> IntStream.generate(() -> c).limit(counts[c]))
                        .toArray());
    }

    @Override
    public int size() {
        return labels.length;
    }

    @Override
    public int height() {
        return 1;
    }

    @Override
    public int width() {
        return 1;
    }

    @Override
    public int channels() {
        return 1;
    }

    @Override
    public List<String> classNames() {
        int most = Arrays.stream(labels).max().orElse(0);
        return IntStream.rangeClosed(0, most).mapToObj(c -> "c" + c).toList();
    }

    @Override
    public int label(int index) {
        return labels[index];
    }

    @Override
    public void read(int index, byte[] pixels) {
        pixels[0] = (byte) index;
    }
}

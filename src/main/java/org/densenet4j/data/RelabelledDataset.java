package org.densenet4j.data;

import org.densenet4j.io.OneLine;

import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * A data set whose labels are the classes of a network. A class is its name: the position that it
 * has in a list of folders says nothing, because a folder may be missing, added or renamed.
 */
public final class RelabelledDataset implements Dataset {
    private final Dataset data;
    private final List<String> classNames;

    /** What number each of the data's classes has in the network. */
    private final int[] classOf;

    private RelabelledDataset(Dataset data, List<String> classNames, int[] classOf) {
        this.data = data;
        this.classNames = classNames;
        this.classOf = classOf;
    }

    /**
     * {@return the same images with labels that index {@code classNames}} Classes of the network
     * without images are allowed, and so are names of the data without images.
     *
     * @param data with class names of its own
     * @param classNames of a network, in the order of its logits
     * @throws IllegalArgumentException when images are of classes that the network does not know or
     *     has twice, with their names
     */
    public static Dataset of(Dataset data, List<String> classNames) {
        Objects.requireNonNull(data, "data");
        WithoutNull.copy(classNames, "classNames");
        List<String> names = data.classNames();
        if (names.equals(classNames)) {
            return data;
        }
        if (data.task().isOfVectors()) {
            return ofVectors(data, classNames);
        }
        BitSet used = new BitSet();
        IntStream.range(0, data.size()).forEach(i -> used.set(data.label(i)));
        List<String> unknown =
                used.stream()
                        .mapToObj(names::get)
                        .filter(name -> !classNames.contains(name))
                        .toList();
        if (!unknown.isEmpty()) {
            throw new IllegalArgumentException(
                    "the network does not know "
                            + OneLine.listed(unknown)
                            + " of the data"
                            + UnicodeForm.hint(unknown.getFirst(), classNames)
                            + "; it knows "
                            + OneLine.listed(classNames));
        }
        List<String> twice =
                used.stream()
                        .mapToObj(names::get)
                        .filter(n -> classNames.indexOf(n) != classNames.lastIndexOf(n))
                        .toList();
        if (!twice.isEmpty()) {
            throw new IllegalArgumentException(
                    "the network has several classes named "
                            + OneLine.listed(twice)
                            + ", so that images cannot be matched to them by name");
        }
        return new RelabelledDataset(
                data,
                List.copyOf(classNames),
                names.stream().mapToInt(classNames::indexOf).toArray());
    }

    /** Outputs that the data says nothing of have no target; all of the data's are needed. */
    private static Dataset ofVectors(Dataset data, List<String> outputs) {
        List<String> names = data.classNames();
        for (String name : names) {
            long times = outputs.stream().filter(name::equals).count();
            if (times != 1) {
                throw new IllegalArgumentException(
                        (times == 0
                                        ? "the network has no output '"
                                        : "the network has several outputs '")
                                + name
                                + "'"
                                + UnicodeForm.hint(name, outputs)
                                + "; it has "
                                + OneLine.listed(outputs));
            }
        }
        return new RelabelledDataset(
                data, List.copyOf(outputs), names.stream().mapToInt(outputs::indexOf).toArray());
    }

    @Override
    public Task task() {
        return data.task();
    }

    @Override
    public float[] targets(int index) {
        if (!data.task().isOfVectors()) {
            return data.targets(index);
        }
        float[] of = data.targets(index);
        float[] targets = new float[classNames.size()];
        Arrays.fill(targets, Float.NaN);
        for (int c = 0; c < of.length; c++) {
            targets[classOf[c]] = of[c];
        }
        return targets;
    }

    @Override
    public int size() {
        return data.size();
    }

    @Override
    public int height() {
        return data.height();
    }

    @Override
    public int width() {
        return data.width();
    }

    @Override
    public int channels() {
        return data.channels();
    }

    @Override
    public List<String> classNames() {
        return classNames;
    }

    @Override
    public int label(int index) {
        return data.task().isOfVectors() ? 0 : classOf[data.label(index)];
    }

    @Override
    public void read(int index, byte[] pixels) {
        Objects.requireNonNull(pixels, "pixels");
        data.read(index, pixels);
    }

    @Override
    public List<Integer> shardStarts() {
        return data.shardStarts();
    }

    @Override
    public Optional<Resizing> resizing() {
        return data.resizing();
    }

    @Override
    public boolean exifOrientation() {
        return data.exifOrientation();
    }

    @Override
    public Image image(int index) {
        return data.image(index);
    }

    @Override
    public <T> T image(int index, Function<Image, T> use) {
        Objects.requireNonNull(use, "use");
        return data.image(index, use);
    }
}

package org.densenet4j.data;

import org.densenet4j.io.OneLine;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;

/**
 * A data set whose labels index the classes of a network, by their names: the data may have fewer
 * of them, and in another order.
 */
public final class RelabelledDetectionDataset implements DetectionDataset {
    private final DetectionDataset data;
    private final List<String> classNames;
    private final int[] labels;

    private RelabelledDetectionDataset(
            DetectionDataset data, List<String> classNames, int[] labels) {
        this.data = data;
        this.classNames = classNames;
        this.labels = labels;
    }

    /**
     * {@return the data with labels of these classes; the same object where they are its own}
     *
     * @param data with classes of such names
     * @param classNames of the network, in the order of its outputs
     * @throws IllegalArgumentException when the data has a class of another name
     */
    public static DetectionDataset of(DetectionDataset data, List<String> classNames) {
        Objects.requireNonNull(data, "data");
        List<String> wanted =
                WithoutNull.copy(Objects.requireNonNull(classNames, "classNames"), "classNames");
        List<String> own = data.classNames();
        if (own.equals(wanted)) {
            return data;
        }
        List<String> unknown = new ArrayList<>();
        int[] labels = new int[own.size()];
        for (int c = 0; c < labels.length; c++) {
            labels[c] = wanted.indexOf(own.get(c));
            if (labels[c] < 0) {
                unknown.add(own.get(c));
            }
        }
        if (!unknown.isEmpty()) {
            throw new IllegalArgumentException(
                    "the network does not know "
                            + OneLine.listed(unknown)
                            + "; its classes are "
                            + OneLine.listed(wanted));
        }
        return new RelabelledDetectionDataset(data, wanted, labels);
    }

    @Override
    public int size() {
        return data.size();
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
    public String name(int index) {
        return data.name(index);
    }

    @Override
    public boolean exifOrientation() {
        return data.exifOrientation();
    }

    @Override
    public <T> T read(int index, Function<AnnotatedImage, T> use) {
        Objects.requireNonNull(use, "use");
        return data.read(
                index,
                image ->
                        use.apply(
                                new AnnotatedImage(
                                        image.image(),
                                        image.objects().stream().map(this::relabelled).toList())));
    }

    private LabelledBox relabelled(LabelledBox object) {
        return new LabelledBox(
                object.box(),
                labels[object.label()],
                object.difficult(),
                object.crowd(),
                object.area());
    }
}

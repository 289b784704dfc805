package org.densenet4j.data;

import java.util.List;
import java.util.Objects;
import java.util.function.Function;

/**
 * Several data sets of the same classes, one behind the other: such as VOC2007 and VOC2012, on both
 * of which detectors are trained.
 */
public final class JoinedDetectionDataset implements DetectionDataset {
    private final List<DetectionDataset> parts;

    /** Where each part begins, and the number of all images. */
    private final int[] firsts;

    private JoinedDetectionDataset(List<DetectionDataset> parts) {
        this.parts = parts;
        firsts = new int[parts.size() + 1];
        for (int p = 0; p < parts.size(); p++) {
            firsts[p + 1] = Math.addExact(firsts[p], parts.get(p).size());
        }
    }

    /**
     * {@return all images of the parts; the part itself where there is one}
     *
     * @param parts of the same classes in the same order, and of the same channels
     * @throws IllegalArgumentException when there is none, or they differ
     */
    public static DetectionDataset of(List<? extends DetectionDataset> parts) {
        Objects.requireNonNull(parts, "parts");
        List<DetectionDataset> all = List.copyOf(parts);
        if (all.isEmpty()) {
            throw new IllegalArgumentException("no data sets to join: give one or more");
        }
        DetectionDataset first = all.getFirst();
        for (DetectionDataset part : all) {
            if (!part.classNames().equals(first.classNames())
                    || part.channels() != first.channels()
                    || part.exifOrientation() != first.exifOrientation()) {
                throw new IllegalArgumentException(
                        "data sets of the classes "
                                + first.classNames()
                                + " and "
                                + part.classNames()
                                + ", or of other channels: use RelabelledDetectionDataset for"
                                + " classes in another order");
            }
        }
        return all.size() == 1 ? first : new JoinedDetectionDataset(all);
    }

    private int part(int index) {
        Index.checked("index", index, size());
        int part = 0;
        while (index >= firsts[part + 1]) {
            part++;
        }
        return part;
    }

    @Override
    public int size() {
        return firsts[parts.size()];
    }

    @Override
    public int channels() {
        return parts.getFirst().channels();
    }

    @Override
    public List<String> classNames() {
        return parts.getFirst().classNames();
    }

    @Override
    public String name(int index) {
        int part = part(index);
        return parts.get(part).name(index - firsts[part]);
    }

    @Override
    public boolean exifOrientation() {
        return parts.getFirst().exifOrientation();
    }

    @Override
    public <T> T read(int index, Function<AnnotatedImage, T> use) {
        Objects.requireNonNull(use, "use");
        int part = part(index);
        return parts.get(part).read(index - firsts[part], use);
    }
}

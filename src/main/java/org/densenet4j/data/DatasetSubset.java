package org.densenet4j.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;

/** Some of the images of a data set, in an order of their own; classes and labels stay. */
public final class DatasetSubset implements Dataset {
    private final Dataset data;
    private final int[] indices;
    private final boolean inOrder;

    private DatasetSubset(Dataset data, int[] indices, boolean inOrder) {
        this.inOrder = inOrder;
        this.data = data;
        this.indices = indices;
    }

    /**
     * {@return images of a data set}
     *
     * @param data all images
     * @param indices those that are wanted, each from 0 to below {@link Dataset#size}
     */
    public static DatasetSubset of(Dataset data, int... indices) {
        Objects.requireNonNull(data, "data");
        Objects.requireNonNull(indices, "indices");
        int[] copy = indices.clone();
        int before = -1;
        boolean inOrder = true;
        for (int index : copy) {
            Index.checked("index", index, data.size());
            inOrder &= index > before;
            before = index;
        }
        return new DatasetSubset(data, copy, inOrder);
    }

    /**
     * {@return the place of an image in the whole set}
     *
     * @param index of the image in this one
     */
    public int indexInWhole(int index) {
        return indices[Index.checked("index", index, indices.length)];
    }

    @Override
    public int size() {
        return indices.length;
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
        return data.classNames();
    }

    @Override
    public Task task() {
        return data.task();
    }

    @Override
    public float[] targets(int index) {
        return data.targets(indexInWhole(index));
    }

    @Override
    public int label(int index) {
        return data.label(indexInWhole(index));
    }

    @Override
    public void read(int index, byte[] pixels) {
        data.read(indexInWhole(index), pixels);
    }

    @Override
    public Image image(int index) {
        return data.image(indexInWhole(index));
    }

    @Override
    public <T> T image(int index, Function<Image, T> use) {
        return data.image(indexInWhole(index), use);
    }

    /** Those of the whole set, where the images that are here lie in its order. */
    @Override
    public List<Integer> shardStarts() {
        List<Integer> starts = new ArrayList<>();
        if (!inOrder) {
            return starts;
        }
        for (int start : data.shardStarts()) {
            int place = Arrays.binarySearch(indices, start);
            starts.add(place >= 0 ? place : -place - 1);
        }
        return starts;
    }

    @Override
    public Optional<Resizing> resizing() {
        return data.resizing();
    }

    @Override
    public boolean exifOrientation() {
        return data.exifOrientation();
    }
}

package org.densenet4j.data;

import java.util.List;
import java.util.Objects;

/**
 * Images of one channel and their labels, held in memory as they are in the files.
 *
 * @param images [images, height, width]
 * @param labels [images]
 * @param classNames by label
 */
record IdxDataset(IdxFile images, IdxFile labels, List<String> classNames) implements Dataset {
    @Override
    public int size() {
        return labels.values().length;
    }

    @Override
    public int height() {
        return images.dimensions()[1];
    }

    @Override
    public int width() {
        return images.dimensions()[2];
    }

    @Override
    public int channels() {
        return 1;
    }

    @Override
    public int label(int index) {
        return labels.values()[Index.checked("index", index, size())] & 0xFF;
    }

    @Override
    public void read(int index, byte[] pixels) {
        Objects.requireNonNull(pixels, "pixels");
        int length = height() * width();
        System.arraycopy(
                images.values(), Index.checked("index", index, size()) * length, pixels, 0, length);
    }
}

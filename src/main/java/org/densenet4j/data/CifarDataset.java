package org.densenet4j.data;

import java.util.List;
import java.util.Objects;

/** CIFAR records held in memory as they are in the files. */
final class CifarDataset implements Dataset {
    private final CifarFormat format;
    private final List<byte[]> files;
    private final List<String> classNames;
    private final int[] firstOfFile;

    CifarDataset(CifarFormat format, List<byte[]> files, List<String> classNames) {
        this.format = format;
        this.files = List.copyOf(files);
        this.classNames = List.copyOf(classNames);
        this.firstOfFile = new int[files.size() + 1];
        for (int f = 0; f < files.size(); f++) {
            firstOfFile[f + 1] = firstOfFile[f] + files.get(f).length / format.recordBytes();
        }
    }

    @Override
    public int size() {
        return firstOfFile[files.size()];
    }

    @Override
    public int height() {
        return CifarFormat.SIDE;
    }

    @Override
    public int width() {
        return CifarFormat.SIDE;
    }

    @Override
    public int channels() {
        return CifarFormat.CHANNELS;
    }

    @Override
    public List<String> classNames() {
        return classNames;
    }

    private int file(int index) {
        Index.checked("index", index, size());
        int f = 0;
        while (index >= firstOfFile[f + 1]) {
            f++;
        }
        return f;
    }

    @Override
    public int label(int index) {
        int f = file(index);
        int record = (index - firstOfFile[f]) * format.recordBytes();
        return files.get(f)[record + format.labelBytes() - 1] & 0xFF;
    }

    @Override
    public void read(int index, byte[] pixels) {
        Objects.requireNonNull(pixels, "pixels");
        int f = file(index);
        byte[] records = files.get(f);
        int planes = (index - firstOfFile[f]) * format.recordBytes() + format.labelBytes();
        for (int p = 0; p < CifarFormat.PIXELS; p++) {
            for (int c = 0; c < CifarFormat.CHANNELS; c++) {
                pixels[p * CifarFormat.CHANNELS + c] = records[planes + c * CifarFormat.PIXELS + p];
            }
        }
    }
}

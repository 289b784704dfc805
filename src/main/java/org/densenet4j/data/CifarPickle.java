package org.densenet4j.data;

import org.densenet4j.io.pth.PickledDict;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * The Python version of CIFAR: a pickled dictionary a file, with {@code data} of [images, 3072]
 * bytes in planes, and a list of labels. Its records are made those of the binary version.
 *
 * @param folder that the archive unpacks to
 * @param train names of the training files
 * @param test names of the test files
 * @param labels key of the labels
 * @param meta the file that names the classes
 * @param names key of the names there
 */
record CifarPickle(
        String folder,
        List<String> train,
        List<String> test,
        String labels,
        String meta,
        String names) {
    private static final int VALUES = CifarFormat.CHANNELS * CifarFormat.PIXELS;

    /** The folder with the files; null where they are not there. */
    Path root(Path dir) {
        for (Path root : List.of(dir.resolve(folder), dir)) {
            if (Files.isRegularFile(root.resolve(train.getFirst()))
                    && Files.isRegularFile(root.resolve(meta))) {
                return root;
            }
        }
        return null;
    }

    /**
     * One file as records of the binary format: labels, of which the last one counts, and planes.
     */
    byte[] records(Path file, CifarFormat format) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new DataException(
                    file + ": no such file; unpack the Python version of " + format + " again");
        }
        PickledDict batch = PickledDict.read(file);
        PickledDict.Bytes data = batch.bytes("data");
        long[] all = batch.integers(labels);
        if (!data.shape().equals(List.of((long) all.length, (long) VALUES)) || all.length == 0) {
            throw new DataException(
                    file
                            + ": has "
                            + all.length
                            + " labels and pixels of shape "
                            + data.shape()
                            + ", not ["
                            + all.length
                            + ", "
                            + VALUES
                            + "]");
        }
        byte[] records = new byte[Math.multiplyExact(all.length, format.recordBytes())];
        for (int i = 0; i < all.length; i++) {
            int at = i * format.recordBytes();
            if (all[i] < 0 || all[i] > 255) {
                throw new DataException(file + ": image " + i + " has the label " + all[i]);
            }
            records[at + format.labelBytes() - 1] = (byte) all[i];
            System.arraycopy(data.data(), i * VALUES, records, at + format.labelBytes(), VALUES);
        }
        return records;
    }

    List<String> classNames(Path root) throws IOException {
        return PickledDict.read(root.resolve(meta)).texts(names);
    }
}

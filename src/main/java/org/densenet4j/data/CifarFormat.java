package org.densenet4j.data;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The binary formats of Krizhevsky 2009 ("Learning multiple layers of features from tiny images"):
 * records of one label byte (CIFAR-10) or two (CIFAR-100: coarse, fine) and 32x32 pixels as three
 * planes, red, green, blue.
 */
enum CifarFormat {
    /** data_batch_1.bin to data_batch_5.bin, test_batch.bin. */
    CIFAR10(
            "cifar-10-batches-bin",
            1,
            10,
            List.of(
                    "data_batch_1.bin",
                    "data_batch_2.bin",
                    "data_batch_3.bin",
                    "data_batch_4.bin",
                    "data_batch_5.bin"),
            List.of("test_batch.bin"),
            "batches.meta.txt",
            new CifarPickle(
                    "cifar-10-batches-py",
                    List.of(
                            "data_batch_1",
                            "data_batch_2",
                            "data_batch_3",
                            "data_batch_4",
                            "data_batch_5"),
                    List.of("test_batch"),
                    "labels",
                    "batches.meta",
                    "label_names")),
    /** train.bin, test.bin; the fine label is used. */
    CIFAR100(
            "cifar-100-binary",
            2,
            100,
            List.of("train.bin"),
            List.of("test.bin"),
            "fine_label_names.txt",
            new CifarPickle(
                    "cifar-100-python",
                    List.of("train"),
                    List.of("test"),
                    "fine_labels",
                    "meta",
                    "fine_label_names"));

    static final int SIDE = 32;
    static final int PIXELS = SIDE * SIDE;
    static final int CHANNELS = 3;

    /** No real or generated set is near this; a larger file is a wrong file. */
    private static final long LARGEST_FILE = 1L << 30;

    private final String folder;
    private final int labelBytes;
    private final int classes;
    private final List<String> trainFiles;
    private final List<String> testFiles;
    private final String namesFile;
    private final CifarPickle pickle;

    CifarFormat(
            String folder,
            int labelBytes,
            int classes,
            List<String> trainFiles,
            List<String> testFiles,
            String namesFile,
            CifarPickle pickle) {
        this.folder = folder;
        this.labelBytes = labelBytes;
        this.classes = classes;
        this.trainFiles = trainFiles;
        this.testFiles = testFiles;
        this.namesFile = namesFile;
        this.pickle = pickle;
    }

    int recordBytes() {
        return labelBytes + CHANNELS * PIXELS;
    }

    int labelBytes() {
        return labelBytes;
    }

    List<String> trainFiles() {
        return trainFiles;
    }

    List<String> testFiles() {
        return testFiles;
    }

    String namesFile() {
        return namesFile;
    }

    /** Reads all training or all test files below {@code dir}. */
    CifarDataset read(Path dir, boolean train) throws IOException {
        Path root = Files.isDirectory(dir.resolve(folder)) ? dir.resolve(folder) : dir;
        if (!Files.isDirectory(root)) {
            throw new DataException(dir + ": no such folder");
        }
        Path python = pickle.root(dir);
        if (python != null && !Files.exists(root.resolve(trainFiles.getFirst()))) {
            return readPickles(python, train);
        }
        List<byte[]> files = new ArrayList<>();
        for (String name : train ? trainFiles : testFiles) {
            files.add(readFile(root.resolve(name)));
        }
        return new CifarDataset(this, files, classNames(root));
    }

    private CifarDataset readPickles(Path root, boolean train) throws IOException {
        List<byte[]> files = new ArrayList<>();
        for (String name : train ? pickle.train() : pickle.test()) {
            Path file = root.resolve(name);
            files.add(checked(file, pickle.records(file, this)));
        }
        List<String> names = pickle.classNames(root);
        if (names.size() != classes) {
            throw new DataException(
                    root.resolve(pickle.meta())
                            + ": names "
                            + names.size()
                            + " classes, "
                            + name()
                            + " has "
                            + classes);
        }
        return new CifarDataset(this, files, names);
    }

    private byte[] readFile(Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new DataException(
                    file
                            + ": no such file; unpack the binary or the Python version of "
                            + name()
                            + " (www.cs.toronto.edu/~kriz/cifar.html) there");
        }
        long size = Files.size(file);
        if (size > LARGEST_FILE) {
            throw new DataException(
                    file + ": has " + size + " bytes, far more than " + name() + " has");
        }
        if (size == 0 || size % recordBytes() != 0) {
            throw new DataException(
                    file
                            + ": has "
                            + size
                            + " bytes, not a whole number of records of "
                            + recordBytes()
                            + "; truncated, or not a "
                            + name()
                            + " file");
        }
        return checked(file, Files.readAllBytes(file));
    }

    private byte[] checked(Path file, byte[] records) throws DataException {
        for (int r = 0; r < records.length / recordBytes(); r++) {
            int label = records[r * recordBytes() + labelBytes - 1] & 0xFF;
            if (label >= classes) {
                throw new DataException(
                        file
                                + ": record "
                                + r
                                + " has label "
                                + label
                                + ", "
                                + name()
                                + " has 0 to "
                                + (classes - 1));
            }
        }
        return records;
    }

    private List<String> classNames(Path root) throws IOException {
        Path file = root.resolve(namesFile);
        List<String> names = new ArrayList<>();
        if (Files.isRegularFile(file) && Files.size(file) < 1 << 20) {
            new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1)
                    .lines()
                    .map(String::strip)
                    .filter(line -> !line.isEmpty())
                    .forEach(names::add);
        }
        if (names.size() != classes) {
            names.clear();
            for (int c = 0; c < classes; c++) {
                names.add("class " + c);
            }
        }
        return List.copyOf(names);
    }
}

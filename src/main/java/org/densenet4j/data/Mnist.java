package org.densenet4j.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;

/**
 * MNIST and the sets that took over its files, grey images of one channel in 10 classes:
 * Fashion-MNIST (Xiao, Rasul and Vollgraf 2017), and whatever else has these names.
 *
 * <p>A folder holds {@code train-images-idx3-ubyte}, {@code train-labels-idx1-ubyte}, {@code
 * t10k-images-idx3-ubyte} and {@code t10k-labels-idx1-ubyte}, plain or with {@code .gz}, or the
 * folder {@code raw} in which torchvision keeps them; a dot before {@code idx} will do.
 *
 * @param train training images
 * @param test test images
 */
public record Mnist(Dataset train, Dataset test) {
    private static final List<String> DIGITS =
            IntStream.range(0, 10).mapToObj(String::valueOf).toList();

    /** The names of Fashion-MNIST's table of labels, as torchvision has them. */
    private static final List<String> FASHION =
            List.of(
                    "T-shirt/top",
                    "Trouser",
                    "Pullover",
                    "Dress",
                    "Coat",
                    "Sandal",
                    "Shirt",
                    "Sneaker",
                    "Bag",
                    "Ankle boot");

    /**
     * Reads handwritten digits, whose classes are "0" to "9".
     *
     * @param folder that holds the files
     * @return both sets
     * @throws IOException in one line when a file is missing, truncated or not of this format
     */
    public static Mnist digits(Path folder) throws IOException {
        return read(folder, DIGITS);
    }

    /**
     * Reads Fashion-MNIST, whose classes are "T-shirt/top" to "Ankle boot".
     *
     * @param folder that holds the files
     * @return both sets
     * @throws IOException in one line when a file is missing, truncated or not of this format
     */
    public static Mnist fashion(Path folder) throws IOException {
        return read(folder, FASHION);
    }

    private static Mnist read(Path folder, List<String> classNames) throws IOException {
        Objects.requireNonNull(folder, "folder");
        Path root = Files.isDirectory(folder.resolve("raw")) ? folder.resolve("raw") : folder;
        if (!Files.isDirectory(root)) {
            throw new DataException(folder + ": no such folder");
        }
        Dataset train = read(root, "train", classNames);
        Dataset test = read(root, "t10k", classNames);
        if (train.height() != test.height() || train.width() != test.width()) {
            throw new DataException(
                    folder
                            + ": training images are "
                            + train.height()
                            + "x"
                            + train.width()
                            + ", test images "
                            + test.height()
                            + "x"
                            + test.width());
        }
        return new Mnist(train, test);
    }

    private static Dataset read(Path root, String part, List<String> classNames)
            throws IOException {
        Path imageFile = file(root, part + "-images", "idx3-ubyte");
        Path labelFile = file(root, part + "-labels", "idx1-ubyte");
        IdxFile images = IdxFile.read(imageFile, 3);
        IdxFile labels = IdxFile.read(labelFile, 1);
        if (images.dimensions()[0] != labels.dimensions()[0]) {
            throw new DataException(
                    labelFile
                            + ": has "
                            + labels.dimensions()[0]
                            + " labels for the "
                            + images.dimensions()[0]
                            + " images of "
                            + imageFile.getFileName());
        }
        byte[] values = labels.values();
        for (int i = 0; i < values.length; i++) {
            if ((values[i] & 0xFF) >= classNames.size()) {
                throw new DataException(
                        labelFile
                                + ": image "
                                + i
                                + " has label "
                                + (values[i] & 0xFF)
                                + ", there are 0 to "
                                + (classNames.size() - 1));
            }
        }
        return new IdxDataset(images, labels, classNames);
    }

    private static Path file(Path root, String name, String kind) throws IOException {
        for (String separator : List.of("-", ".")) {
            for (String ending : List.of("", ".gz")) {
                Path file = root.resolve(name + separator + kind + ending);
                if (Files.isRegularFile(file)) {
                    return file;
                }
            }
        }
        throw new DataException(
                root.resolve(name + "-" + kind)
                        + ": no such file, nor with .gz; put the set's four IDX files there");
    }
}

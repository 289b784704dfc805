package org.densenet4j.data;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Objects;

/**
 * CIFAR-10 and CIFAR-100 from their original files, binary or pickled by Python, of which nothing
 * is executed.
 *
 * @param train training images
 * @param test test images
 */
public record Cifar(Dataset train, Dataset test) {
    /**
     * Reads {@code data_batch_1.bin} to {@code 5} and {@code test_batch.bin} from a folder, or from
     * {@code cifar-10-batches-bin} inside it; or, where these are not there, the pickles {@code
     * data_batch_1} to {@code 5} and {@code test_batch}, also in {@code cifar-10-batches-py}.
     *
     * @param folder where the archive was unpacked
     * @return both sets
     * @throws IOException in one line when a file is missing, truncated or not of this format
     */
    public static Cifar cifar10(Path folder) throws IOException {
        Objects.requireNonNull(folder, "folder");

        return read(CifarFormat.CIFAR10, folder);
    }

    /**
     * Reads {@code train.bin} and {@code test.bin} from a folder, or from {@code cifar-100-binary}
     * inside it; or, where these are not there, the pickles {@code train} and {@code test}, also in
     * {@code cifar-100-python}. Labels are the fine ones.
     *
     * @param folder where the archive was unpacked
     * @return both sets
     * @throws IOException in one line when a file is missing, truncated or not of this format
     */
    public static Cifar cifar100(Path folder) throws IOException {
        Objects.requireNonNull(folder, "folder");

        return read(CifarFormat.CIFAR100, folder);
    }

    private static Cifar read(CifarFormat format, Path folder) throws IOException {
        return new Cifar(format.read(folder, true), format.read(folder, false));
    }
}

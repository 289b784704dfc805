package org.densenet4j.data;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;

/** Files of random grey images in the format of MNIST. */
public final class IdxFiles {
    private IdxFiles() {}

    /** The header of an IDX file, and random bytes behind it that are below a limit. */
    static byte[] idx(int limit, int... dimensions) {
        int count = Arrays.stream(dimensions).reduce(1, (a, b) -> a * b);
        ByteBuffer file = ByteBuffer.allocate(4 + 4 * dimensions.length + count);
        file.putInt(8 << 8 | dimensions.length);
        for (int d : dimensions) {
            file.putInt(d);
        }
        SplittableRandom random = new SplittableRandom(count);
        for (int i = 0; i < count; i++) {
            file.put((byte) random.nextInt(limit));
        }
        return file.array();
    }

    /** Writes the four files of a set. */
    public static void write(Path folder, int train, int test, int height, int width)
            throws IOException {
        Files.write(folder.resolve("train-images-idx3-ubyte"), idx(256, train, height, width));
        Files.write(folder.resolve("train-labels-idx1-ubyte"), idx(10, train));
        Files.write(folder.resolve("t10k-images-idx3-ubyte"), idx(256, test, height, width));
        Files.write(folder.resolve("t10k-labels-idx1-ubyte"), idx(10, test));
    }
}

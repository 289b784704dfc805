package org.densenet4j.data;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/**
 * A file of unsigned bytes in IDX, the format of MNIST (LeCun, Cortes and Burges, "The MNIST
 * database of handwritten digits"): two zeros, 8 for unsigned bytes, the number of dimensions, each
 * of them as a big-endian int, then the values, the last dimension fastest. As it is, or compressed
 * by gzip, whatever its name says.
 *
 * @param dimensions of the values, the slowest first
 * @param values as they are in the file
 */
record IdxFile(int[] dimensions, byte[] values) {
    private static final int UNSIGNED_BYTES = 8;

    /** No such set is near this, and a forged header asks for more; arrays have int indices. */
    private static final long MOST_VALUES = 1L << 30;

    private static final int GZIP_MAGIC = 0x1f8b;

    /**
     * Reads a file.
     *
     * @param dimensions how many it must have
     * @throws DataException when it is not such a file, or not whole
     */
    static IdxFile read(Path file, int dimensions) throws IOException {
        try (DataInputStream in = new DataInputStream(decompressed(file))) {
            int magic = in.readInt();
            if (magic != (UNSIGNED_BYTES << 8 | dimensions)) {
                throw new DataException(
                        String.format(
                                Locale.ROOT,
                                "%s: begins with %08x; an IDX file of bytes with %d dimension%s"
                                        + " begins with %08x",
                                file,
                                magic,
                                dimensions,
                                dimensions == 1 ? "" : "s",
                                UNSIGNED_BYTES << 8 | dimensions));
            }
            int[] sizes = new int[dimensions];
            long count = 1;
            for (int d = 0; d < dimensions; d++) {
                sizes[d] = in.readInt();
                if (sizes[d] < 1 || sizes[d] > MOST_VALUES / count) {
                    throw new DataException(
                            file
                                    + ": says that it has "
                                    + text(sizes, d + 1)
                                    + (d + 1 < dimensions ? " x ..." : "")
                                    + " values; use 1 to "
                                    + MOST_VALUES);
                }
                count *= sizes[d];
            }
            byte[] values = in.readNBytes((int) count);
            if (values.length < count) {
                throw new DataException(
                        file
                                + ": ends after "
                                + values.length
                                + " of "
                                + text(sizes, dimensions)
                                + " values; truncated");
            }
            if (in.read() >= 0) {
                throw new DataException(
                        file + ": goes on behind its " + text(sizes, dimensions) + " values");
            }
            return new IdxFile(sizes, values);
        } catch (EOFException e) {
            throw new DataException(file + ": ends within its header; truncated", e);
        } catch (ZipException e) {
            throw new DataException(file + ": cannot be decompressed: " + e.getMessage(), e);
        }
    }

    /** Compressed files are told by how they begin: names are changed by who unpacks them. */
    private static InputStream decompressed(Path file) throws IOException {
        InputStream plain = new BufferedInputStream(Files.newInputStream(file));
        try {
            plain.mark(2);
            int magic = plain.read() << 8 | plain.read();
            plain.reset();
            return magic == GZIP_MAGIC ? new GZIPInputStream(plain, 1 << 16) : plain;
        } catch (IOException e) {
            plain.close();
            throw e;
        }
    }

    private static String text(int[] sizes, int count) {
        return Arrays.stream(sizes, 0, count)
                .mapToObj(String::valueOf)
                .collect(Collectors.joining(" x "));
    }
}

package org.densenet4j.data;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Set;

/**
 * What a BMP file claims to be.
 *
 * @param width of the image
 * @param height of the image; the sign, which tells the order of its rows, is left out
 * @param bits of a pixel
 * @param compression 0 or 3 for none, 1 and 2 for run lengths
 * @param pixelsAt where the pixels begin
 */
record BmpHeader(int width, int height, int bits, int compression, long pixelsAt) {
    /** Sizes of the second header, which tell its version. */
    private static final Set<Integer> SIZES = Set.of(12, 16, 40, 52, 56, 64, 108, 124);

    private static final int HEADER = 14;
    private static final int RLE8 = 1;
    private static final int RLE4 = 2;

    /** Most pixels of a byte: a delta of four bytes skips 255 columns and 255 rows. */
    private static final long MOST_RLE_PIXELS_PER_BYTE = 255 * 255 / 4;

    /** Whether a file that begins with BM is one. */
    static boolean isOne(byte[] file) {
        return file.length >= HEADER + 12 && SIZES.contains(little(file).getInt(HEADER));
    }

    private static ByteBuffer little(byte[] file) {
        return ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Reads the headers. */
    static BmpHeader of(String name, byte[] file) throws DataException {
        ByteBuffer b = little(file);
        long pixelsAt = Integer.toUnsignedLong(b.getInt(10));
        if (b.getInt(HEADER) == 12) {
            int width = Short.toUnsignedInt(b.getShort(HEADER + 4));
            int height = Short.toUnsignedInt(b.getShort(HEADER + 6));
            return new BmpHeader(width, height, b.getShort(HEADER + 10), 0, pixelsAt);
        }
        if (file.length < HEADER + 40) {
            throw new DataException(name + ": broken image: the file is truncated");
        }
        int height = Math.absExact(b.getInt(HEADER + 8));
        return new BmpHeader(
                b.getInt(HEADER + 4),
                height,
                b.getShort(HEADER + 14),
                b.getInt(HEADER + 16),
                pixelsAt);
    }

    /** Whether the file can hold that many pixels. */
    boolean fits(long fileBytes) {
        if (compression == RLE8 || compression == RLE4) {
            return (long) width * height <= MOST_RLE_PIXELS_PER_BYTE * fileBytes;
        }
        // Rows are filled up to four bytes; writers leave out the last ones.
        long row = Math.ceilDiv((long) width * bits, 8L);
        long stride = Math.ceilDiv(row, 4L) * 4;
        return stride * (height - 1L) + row <= fileBytes - pixelsAt;
    }
}

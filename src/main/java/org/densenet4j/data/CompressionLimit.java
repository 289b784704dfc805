package org.densenet4j.data;

/**
 * What a compressed image can hold at most: a small file that claims to be a huge image is refused
 * before memory is taken for it.
 */
final class CompressionLimit {
    private static final byte[] PNG = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};

    /** Deflate makes at most 258 bytes of 2 bits (RFC 1951, section 3.2.5). */
    private static final long MOST_DEFLATE_RATIO = 1032;

    /** Of a JPEG: an 8x8 block takes at least one bit, the shortest Huffman code of its DC. */
    private static final long MOST_JPEG_PIXELS_PER_BYTE = 64 * 8;

    // Where a PNG's first chunk, IHDR, has them (PNG specification, section 11.2.1).
    private static final int BIT_DEPTH = 24;
    private static final int COLOUR_TYPE = 25;

    private CompressionLimit() {}

    /** Whether a JPEG or PNG file is long enough for its width and height. */
    static boolean allows(byte[] file, int width, int height) {
        if (isPng(file)) {
            long rowBytes = Math.ceilDiv((long) width * samples(file) * file[BIT_DEPTH], 8L);
            return height * rowBytes <= MOST_DEFLATE_RATIO * file.length;
        }
        return (long) width * height <= MOST_JPEG_PIXELS_PER_BYTE * file.length;
    }

    private static boolean isPng(byte[] file) {
        if (file.length <= COLOUR_TYPE) {
            return false;
        }
        for (int i = 0; i < PNG.length; i++) {
            if (file[i] != PNG[i]) {
                return false;
            }
        }
        return true;
    }

    /** Samples of a pixel by colour type; the decoder refuses types that do not exist. */
    private static int samples(byte[] png) {
        return switch (png[COLOUR_TYPE]) {
            case 2 -> 3;
            case 4 -> 2;
            case 6 -> 4;
            default -> 1;
        };
    }
}

package org.densenet4j.data;

/**
 * What a compressed image can hold at most: a small file that claims to be a huge image is refused
 * before memory is taken for it.
 */
final class CompressionLimit {
    /** Deflate makes at most 258 bytes of 2 bits (RFC 1951, section 3.2.5). */
    static final long MOST_DEFLATE_RATIO = 1032;

    /** Of a JPEG: an 8x8 block takes at least one bit, the shortest Huffman code of its DC. */
    static final long MOST_JPEG_PIXELS_PER_BYTE = 64 * 8;

    /** Of a GIF: a code of 12 bits stands for at most 4,095 pixels. */
    private static final long MOST_GIF_PIXELS_PER_BYTE = 2730;

    // Where a PNG's first chunk, IHDR, has them (PNG specification, section 11.2.1).
    private static final int BIT_DEPTH = 24;
    private static final int COLOUR_TYPE = 25;

    private CompressionLimit() {}

    /**
     * Whether a file is long enough for its width and height. A WebP file of any size may hold any
     * image that the format knows, for a colour can take no bits at all; there the bounds are those
     * of pixels and of memory.
     */
    static boolean allows(String name, ImageFormat format, byte[] file, int width, int height)
            throws DataException {
        long pixels = (long) width * height;
        return switch (format) {
            case PNG ->
                    file.length > COLOUR_TYPE
                            && height * pngRow(file, width) <= MOST_DEFLATE_RATIO * file.length;
            case JPEG -> pixels <= MOST_JPEG_PIXELS_PER_BYTE * file.length;
            case GIF -> pixels <= MOST_GIF_PIXELS_PER_BYTE * file.length;
            case BMP -> BmpHeader.of(name, file).fits(file.length);
            case TIFF, WEBP -> true; // of TIFF, each strip is looked at
        };
    }

    private static long pngRow(byte[] png, int width) {
        return Math.ceilDiv((long) width * samples(png) * png[BIT_DEPTH], 8L);
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

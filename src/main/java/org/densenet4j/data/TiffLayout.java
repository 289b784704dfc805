package org.densenet4j.data;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Map;

/**
 * How the first image of a TIFF file is stored. Whatever the JDK's reader would allocate or look
 * for by numbers of the file is checked against the file before the reader sees it.
 */
final class TiffLayout {
    private static final int KIND = 254;
    private static final int WIDTH = 256;
    private static final int HEIGHT = 257;
    private static final int BITS = 258;
    private static final int COMPRESSION = 259;
    private static final int PHOTOMETRIC = 262;
    private static final int STRIP_OFFSETS = 273;
    private static final int SAMPLES = 277;
    private static final int ROWS_PER_STRIP = 278;
    private static final int STRIP_BYTES = 279;
    private static final int PLANAR = 284;
    private static final int PREDICTOR = 317;
    private static final int COLOUR_MAP = 320;
    private static final int TILE_WIDTH = 322;
    private static final int TILE_HEIGHT = 323;
    private static final int TILE_OFFSETS = 324;
    private static final int TILE_BYTES = 325;
    private static final int SUB_DIRECTORIES = 330;
    private static final int SAMPLE_FORMAT = 339;
    private static final int DNG_VERSION = 50706;

    private static final int UNSIGNED = 1;
    private static final int UNDEFINED = 4;

    private static final int NONE = 1;
    private static final int LZW = 5;
    private static final int JPEG = 7;
    private static final int PACK_BITS = 32773;

    /** Ways to store pixels that are read: PackBits, LZW, Deflate, JPEG and those of fax. */
    private static final Map<Long, Long> MOST_BYTES_PER_BYTE =
            Map.of(
                    (long) NONE,
                    1L,
                    2L,
                    Long.MAX_VALUE, // of fax: a blank row is one bit, however wide it is
                    3L,
                    Long.MAX_VALUE,
                    4L,
                    Long.MAX_VALUE,
                    (long) LZW,
                    2730L, // 12 bits stand for up to 4,095 bytes
                    (long) JPEG,
                    3 * CompressionLimit.MOST_JPEG_PIXELS_PER_BYTE,
                    8L,
                    CompressionLimit.MOST_DEFLATE_RATIO,
                    (long) PACK_BITS,
                    64L,
                    32946L,
                    CompressionLimit.MOST_DEFLATE_RATIO);

    private static final Map<Long, String> UNREAD_COMPRESSION =
            Map.of(
                    6L, "old-style JPEG",
                    34676L, "LogLuv",
                    34677L, "LogLuv",
                    34712L, "JPEG 2000",
                    34887L, "LERC",
                    34892L, "lossy JPEG",
                    34925L, "LZMA",
                    50000L, "Zstandard",
                    50001L, "WebP",
                    50002L, "JPEG XL");

    /** Ways to mean colour: grey, RGB, palette, CMYK, YCbCr. */
    private static final long MOST_PHOTOMETRIC = 6;

    private static final long PALETTE = 3;
    private static final long CMYK = 5;

    private static final long MASK = 4;
    private static final long MOST_TILE = 1 << 16;

    private final String name;
    private final TiffDirectory fields;
    private final int fileBytes;
    private final int width;
    private final int height;
    private final long samples;
    private final long bits;
    private final boolean tiled;
    private final long blockWidth;
    private final long blockHeight;

    private TiffLayout(String name, TiffDirectory fields, int fileBytes) throws DataException {
        this.name = name;
        this.fields = fields;
        this.fileBytes = fileBytes;
        this.width = (int) Math.min(fields.first(WIDTH, 0), Integer.MAX_VALUE);
        this.height = (int) Math.min(fields.first(HEIGHT, 0), Integer.MAX_VALUE);
        this.samples = fields.first(SAMPLES, 1);
        this.bits = Arrays.stream(fields.all(BITS)).max().orElse(1);
        this.tiled = fields.has(TILE_WIDTH) || fields.has(TILE_OFFSETS);
        this.blockWidth = tiled ? fields.first(TILE_WIDTH, 0) : width;
        this.blockHeight =
                tiled
                        ? fields.first(TILE_HEIGHT, 0)
                        : Math.min(height, fields.first(ROWS_PER_STRIP, height));
    }

    /**
     * Reads how the first image is stored.
     *
     * @throws DataException in one line when the directory is broken, or of a kind not read
     */
    static TiffLayout of(String name, byte[] file) throws DataException {
        TiffDirectory fields = TiffDirectory.of(ByteBuffer.wrap(file));
        if (fields == null) {
            throw new DataException(
                    name + ": broken image: the TIFF file has no whole directory; truncated?");
        }
        if (fields.has(DNG_VERSION) || fields.first(KIND, 0) == 1 && fields.has(SUB_DIRECTORIES)) {
            throw unread(name, "a raw camera image");
        }
        TiffLayout layout = new TiffLayout(name, fields, file.length);
        layout.checkKind();
        return layout;
    }

    /** Bytes of strips that reach to the next one, or to the end of the file. */
    private long[] whole(long[] offsets) {
        long[] bytes = new long[offsets.length];
        for (int i = 0; i < bytes.length; i++) {
            long next = i + 1 < bytes.length ? offsets[i + 1] : fileBytes;
            bytes[i] = Math.max(0, next - offsets[i]);
        }
        return bytes;
    }

    /**
     * Red, then green, then blue of a palette, as bytes; empty when there is none. The JDK rounds
     * them in a way of its own.
     */
    byte[] palette() {
        long[] values = fields.all(COLOUR_MAP);
        byte[] bytes = new byte[values.length];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (values[i] >> 8);
        }
        return bytes;
    }

    private static DataException unread(String name, String what) {
        return new DataException(
                name + ": is " + what + ", which is not read; convert it to JPEG or PNG");
    }

    private DataException broken(String what) {
        return new DataException(name + ": broken image: " + what);
    }

    private void checkKind() throws DataException {
        long compression = fields.first(COMPRESSION, NONE);
        if (!MOST_BYTES_PER_BYTE.containsKey(compression)) {
            String known = UNREAD_COMPRESSION.get(compression);
            throw unread(
                    name,
                    "a TIFF image with "
                            + (known == null
                                    ? "compression " + compression
                                    : known + " compression"));
        }
        long photometric = fields.first(PHOTOMETRIC, 1);
        if (photometric > MOST_PHOTOMETRIC || photometric == MASK) {
            throw unread(name, "a TIFF image of colour space " + photometric);
        }
        if (compression == JPEG && photometric == CMYK) {
            throw unread(name, "a CMYK image with JPEG compression in TIFF");
        }
        if (compression == JPEG && samples != 1 && samples != 3) {
            throw unread(name, "a TIFF image of " + samples + " samples with JPEG compression");
        }
        long predictor = fields.first(PREDICTOR, 1);
        if (predictor > 2 || predictor == 2 && bits > 8) {
            throw unread(name, "a TIFF image of " + bits + " bits a sample with a predictor");
        }
        for (long format : fields.all(SAMPLE_FORMAT)) {
            if (format != UNSIGNED && format != UNDEFINED) {
                throw unread(
                        name,
                        "a TIFF image of "
                                + (format == 3 ? "floating-point" : "signed")
                                + " samples");
            }
        }
        if (bits > 16) {
            throw unread(name, "a TIFF image of " + bits + " bits a sample");
        }
        if (samples < 1 || samples > 8 || bits < 1) {
            throw broken("pixels of " + samples + " samples and " + bits + " bits");
        }
        if (photometric == PALETTE && fields.all(COLOUR_MAP).length < 3 << bits) {
            throw broken("the palette is cut; truncated?");
        }
        long most = tiled ? MOST_TILE : Integer.MAX_VALUE;
        boolean empty = blockWidth < 1 || blockHeight < 1;
        if (width > 0 && height > 0 && (empty || blockWidth > most || blockHeight > most)) {
            throw broken("strips or tiles of " + blockWidth + "x" + blockHeight + " pixels");
        }
    }

    int width() {
        return width;
    }

    int height() {
        return height;
    }

    /** Pixels of one strip or tile, which is decompressed as a whole. */
    long blockPixels() {
        return blockWidth * blockHeight;
    }

    /** Bytes that the reader takes beside the image: one strip or tile, twice. */
    long blockBytes() {
        return 2 * Math.ceilDiv(blockPixels() * samples * bits, 8L);
    }

    /**
     * Checks that every strip or tile lies within the file and can hold its pixels.
     *
     * @throws DataException in one line when not
     */
    void checkBlocks() throws DataException {
        long[] offsets = fields.all(tiled ? TILE_OFFSETS : STRIP_OFFSETS);
        long[] bytes = fields.all(tiled ? TILE_BYTES : STRIP_BYTES);
        boolean planar = fields.first(PLANAR, 1) == 2;
        long across = Math.ceilDiv(width, blockWidth);
        long blocks = across * Math.ceilDiv(height, blockHeight) * (planar ? samples : 1);
        if (bytes.length == 0 && fields.first(COMPRESSION, NONE) == NONE) {
            bytes = whole(offsets); // old writers leave out what can be computed
        }
        if (offsets.length < blocks || bytes.length < blocks) {
            throw broken(
                    "has "
                            + Math.min(offsets.length, bytes.length)
                            + " of "
                            + blocks
                            + " strips or tiles; truncated?");
        }
        long perPixel = planar ? bits : bits * samples;
        long ratio = MOST_BYTES_PER_BYTE.get(fields.first(COMPRESSION, NONE));
        for (int i = 0; i < blocks; i++) {
            if (offsets[i] + bytes[i] > fileBytes) {
                throw broken("the file is truncated");
            }
            long row = (i / across) % Math.ceilDiv(height, blockHeight);
            long rows = tiled ? blockHeight : Math.min(blockHeight, height - row * blockHeight);
            long needed = rows * Math.ceilDiv(blockWidth * perPixel, 8L);
            // YCbCr may have fewer samples than pixels.
            boolean subsampled = fields.first(PHOTOMETRIC, 1) == MOST_PHOTOMETRIC;
            if (needed / (subsampled ? 3 : 1) / ratio > bytes[i]) {
                throw broken(
                        blockWidth
                                + "x"
                                + rows
                                + " pixels do not fit into "
                                + bytes[i]
                                + " bytes; truncated?");
            }
        }
    }
}

package org.densenet4j.data;

import org.jspecify.annotations.Nullable;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** Formats that are read. The content decides: ImageNet has a PNG file that is named .JPEG. */
enum ImageFormat {
    JPEG("jpeg", "jpg", "jpeg", "jpe", "jfif"),
    PNG("png", "png"),
    GIF("gif", "gif"),
    BMP("bmp", "bmp", "dib"),
    TIFF("tiff", "tif", "tiff"),
    WEBP("webp", "webp");

    private static final byte[] JPEG_START = {(byte) 0xFF, (byte) 0xD8, (byte) 0xFF};
    private static final byte[] PNG_START = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    private static final byte[] TIFF_LITTLE = {'I', 'I', 42, 0};
    private static final byte[] TIFF_BIG = {'M', 'M', 0, 42};

    /** What Image I/O calls its reader. */
    private final String reader;

    private final List<String> extensions;

    ImageFormat(String reader, String... extensions) {
        this.reader = reader;
        this.extensions = List.of(extensions);
    }

    String reader() {
        return reader;
    }

    /** The format of a file; null when it is none that is read. */
    static @Nullable ImageFormat of(byte[] file) {
        if (startsWith(file, 0, JPEG_START)) {
            return JPEG;
        }
        if (startsWith(file, 0, PNG_START)) {
            return PNG;
        }
        if (startsWith(file, 0, "GIF87a") || startsWith(file, 0, "GIF89a")) {
            return GIF;
        }
        if (startsWith(file, 0, TIFF_LITTLE) || startsWith(file, 0, TIFF_BIG)) {
            return TIFF;
        }
        if (startsWith(file, 0, "RIFF") && startsWith(file, 8, "WEBP")) {
            return WEBP;
        }
        return startsWith(file, 0, "BM") && BmpHeader.isOne(file) ? BMP : null;
    }

    /** Whether a file of this name is taken for one that is read. */
    static boolean isNamed(String fileName) {
        String extension = extension(fileName);
        return Arrays.stream(values()).anyMatch(f -> f.extensions.contains(extension));
    }

    /** What stands behind the last dot, in small letters; empty when there is none. */
    static String extension(String fileName) {
        int dot = fileName.lastIndexOf('.');
        return dot < 0 ? "" : fileName.substring(dot + 1).toLowerCase(Locale.ROOT);
    }

    static boolean startsWith(byte[] file, int at, byte[] start) {
        return at >= 0
                && file.length >= at + start.length
                && Arrays.equals(file, at, at + start.length, start, 0, start.length);
    }

    static boolean startsWith(byte[] file, int at, String start) {
        return startsWith(file, at, start.getBytes(StandardCharsets.ISO_8859_1));
    }
}

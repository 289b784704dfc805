package org.densenet4j.data;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.bytedeco.javacpp.Loader;
import org.densenet4j.foreign.CFunction;
import org.densenet4j.library.LibraryFile;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.net.URL;
import java.util.Optional;

/**
 * libjpeg-turbo, whose vector instructions decode a JPEG in half the time of the JDK's decoder and
 * to the same pixels: both take the accurate integer transform and the smooth upsampling that
 * libjpeg has by default, as Pillow does. It comes within Leptonica, a library of image processing,
 * from org.bytedeco:leptonica; without that, on Windows (where Leptonica would write a temporary
 * file for each image), and for every file that it has something to say about, Image I/O decodes.
 */
final class LibjpegTurbo {
    private static final int QUIET = 6; // L_SEVERITY_NONE of Leptonica's environ.h
    private static final int END_OF_IMAGE = 0xD9;

    private static final @Nullable LibjpegTurbo INSTANCE = load();

    private final CFunction read;
    private final CFunction width;
    private final CFunction height;
    private final CFunction depth;
    private final CFunction wordsPerRow;
    private final CFunction data;
    private final CFunction destroy;

    private LibjpegTurbo(SymbolLookup library) {
        read = function(library, "pixReadMemJpeg");
        width = function(library, "pixGetWidth");
        height = function(library, "pixGetHeight");
        depth = function(library, "pixGetDepth");
        wordsPerRow = function(library, "pixGetWpl");
        data = function(library, "pixGetData");
        destroy = function(library, "pixDestroy");
        function(library, "setMsgSeverity").call(QUIET);
    }

    private static CFunction function(SymbolLookup library, String name) {
        return new CFunction(library.findOrThrow(name));
    }

    private static @Nullable LibjpegTurbo load() {
        try {
            String platform = Loader.getPlatform();
            String file =
                    platform.startsWith("macosx") ? "libleptonica.6.dylib" : "libleptonica.so.6";
            Optional<URL> packed =
                    LibraryFile.find("/org/bytedeco/leptonica/" + platform + "/" + file);
            return packed.isEmpty()
                    ? null
                    : new LibjpegTurbo(
                            SymbolLookup.libraryLookup(
                                    Loader.cacheResource(packed.get()).toPath().toAbsolutePath(),
                                    Arena.global()));
        } catch (IOException | RuntimeException | LinkageError e) {
            System.getLogger("org.densenet4j")
                    .log(System.Logger.Level.DEBUG, "JPEGs are decoded by Image I/O", e);
            return null;
        }
    }

    /** Whether it is there. */
    static boolean isPresent() {
        return INSTANCE != null;
    }

    /**
     * Decodes a file in colour or grey. The heap gets the result alone; four bytes a pixel are
     * taken outside of it, and freed before this returns.
     *
     * @param file whose header says that it has 1 or 3 components of 8 bits
     * @param rows of pixels that the header tells
     * @param columns of pixels that the header tells
     * @return the pixels as RGB; empty where the library is missing, refuses the file or warns of
     *     it, which another decoder then does in words
     */
    static Optional<Image> decode(byte[] file, int rows, int columns) {
        return INSTANCE == null || !endsAsImage(file)
                ? Optional.empty()
                : INSTANCE.decoded(file, rows, columns);
    }

    /** A file without its end is truncated, of which the library would complain on the console. */
    private static boolean endsAsImage(byte[] file) {
        int n = file.length;
        return n > 2 && (file[n - 2] & 0xFF) == 0xFF && (file[n - 1] & 0xFF) == END_OF_IMAGE;
    }

    private Optional<Image> decoded(byte[] file, int rows, int columns) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(file.length, 1);
            MemorySegment.copy(file, 0, bytes, JAVA_BYTE, 0, file.length);
            MemorySegment warnings = arena.allocate(JAVA_INT);
            long pix = read.call(bytes.address(), file.length, 0, 1, warnings.address(), 0);
            if (pix == 0) {
                return Optional.empty();
            }
            try {
                boolean fits =
                        (int) width.call(pix) == columns
                                && (int) height.call(pix) == rows
                                && warnings.get(JAVA_INT, 0) == 0;
                return fits ? Optional.ofNullable(rgb(pix, rows, columns)) : Optional.empty();
            } finally {
                destroy.call(arena.allocateFrom(JAVA_LONG, pix).address());
            }
        }
    }

    /**
     * Leptonica keeps rows of words: a colour in each, or four grey values, the first one in the
     * high byte.
     */
    private @Nullable Image rgb(long pix, int rows, int columns) {
        int bits = (int) depth.call(pix);
        if (bits != 8 && bits != 32) {
            return null;
        }
        int words = (int) wordsPerRow.call(pix);
        MemorySegment all = MemorySegment.ofAddress(data.call(pix)).reinterpret(4L * words * rows);
        byte[] pixels = new byte[Math.multiplyExact(3, Math.multiplyExact(rows, columns))];
        int[] row = new int[words];
        for (int y = 0; y < rows; y++) {
            MemorySegment.copy(all, JAVA_INT, 4L * y * words, row, 0, words);
            if (bits == 32) {
                colours(row, columns, pixels, 3 * y * columns);
            } else {
                greys(row, columns, pixels, 3 * y * columns);
            }
        }
        return new Image(rows, columns, 3, pixels);
    }

    private static void colours(int[] row, int columns, byte[] pixels, int target) {
        int at = target;
        for (int x = 0; x < columns; x++) {
            int word = row[x];
            pixels[at] = (byte) (word >> 24);
            pixels[at + 1] = (byte) (word >> 16);
            pixels[at + 2] = (byte) (word >> 8);
            at += 3;
        }
    }

    private static void greys(int[] row, int columns, byte[] pixels, int target) {
        int at = target;
        for (int x = 0; x < columns; x++) {
            byte grey = (byte) (row[x / 4] >> 24 - x % 4 * 8);
            pixels[at] = grey;
            pixels[at + 1] = grey;
            pixels[at + 2] = grey;
            at += 3;
        }
    }
}

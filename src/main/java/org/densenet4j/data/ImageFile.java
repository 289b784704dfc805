package org.densenet4j.data;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.function.Function;

/**
 * Decodes JPEG, PNG, GIF, BMP, TIFF and WebP files to RGB, with bounds: what a file claims to be is
 * looked at before anything is allocated for it, and all images that are decoded at the same time
 * in a process share half of its heap.
 *
 * <p>As Pillow's {@code convert("RGB")} does, grey is repeated, an alpha channel is left out, and
 * embedded profiles are ignored; so is the Exif orientation, unless it is asked for. Of an
 * animation, or a file of several pages, it is the first one.
 */
public final class ImageFile {
    /** Most pixels of an image, unless told otherwise: 150 MB decoded. */
    public static final long MOST_PIXELS = 50_000_000;

    private static final long MOST_BYTES = 256L << 20;

    private ImageFile() {}

    /**
     * {@return whether the name is that of an image that {@link #read(Path)} might read} The
     * content decides about the format.
     *
     * @param file by its name; it is not opened
     */
    public static boolean isImage(Path file) {
        String name = String.valueOf(Objects.requireNonNull(file, "file").getFileName());
        return !name.startsWith(".") && ImageFormat.isNamed(name);
    }

    /**
     * Reads a file as RGB.
     *
     * @param file of a format that {@link ImageFile} reads
     * @return the image, RGB
     * @throws DataException in one line that names the file when it is missing, broken, truncated,
     *     too large or of another format
     * @throws ImageMemoryException when the heap is too small for it
     */
    public static Image read(Path file) throws IOException {
        return read(file, DecodeOptions.DEFAULT);
    }

    /**
     * {@return a file as RGB, if it has no more pixels than a limit}
     *
     * @param file of a format that {@link ImageFile} reads
     * @param mostPixels larger images are refused before they are decoded
     * @throws IOException in one line when the image is missing, broken, of no format that is read,
     *     or too large
     */
    public static Image read(Path file, long mostPixels) throws IOException {
        return read(file, DecodeOptions.DEFAULT.withMostPixels(mostPixels));
    }

    /**
     * {@return a file as RGB, by other limits, or upright}
     *
     * @param file of a format that {@link ImageFile} reads
     * @param options how large it may be, and whether it is turned upright
     * @throws IOException in one line when the image is missing, broken, of no format that is read,
     *     or too large
     */
    public static Image read(Path file, DecodeOptions options) throws IOException {
        return read(file, options, image -> image);
    }

    /**
     * Reads a file and uses it. Its memory counts as taken until {@code use} returns, so that many
     * threads that do this at once need no more memory than the process allows for all of them.
     *
     * @param <T> what is made of the image
     * @param file of a format that {@link ImageFile} reads
     * @param options how large it may be, and whether it is turned upright
     * @param use gets the image, should keep little of it, and decodes no other
     * @return what {@code use} returned
     * @throws IOException in one line when the image is missing, broken, of no format that is read,
     *     or too large
     */
    public static <T> T read(Path file, DecodeOptions options, Function<Image, T> use)
            throws IOException {
        Objects.requireNonNull(file, "file");
        Objects.requireNonNull(options, "options");
        Objects.requireNonNull(use, "use");

        return decode(file.toString(), bytes(file), options, use);
    }

    /**
     * Decodes an image that is in memory, such as an upload.
     *
     * @param name stands for the file's name in messages
     * @param bytes the content of a file
     * @return the image, RGB
     * @throws DataException in one line when it is broken, truncated, too large or of another
     *     format
     * @throws ImageMemoryException when the heap is too small for it
     */
    public static Image decode(String name, byte[] bytes) throws IOException {
        return decode(name, bytes, DecodeOptions.DEFAULT);
    }

    /**
     * {@return an image in memory as RGB, if it has no more pixels than a limit}
     *
     * @param name of the image, for messages
     * @param bytes the content of a file
     * @param mostPixels larger images are refused before they are decoded
     * @throws IOException in one line when the image is missing, broken, of no format that is read,
     *     or too large
     */
    public static Image decode(String name, byte[] bytes, long mostPixels) throws IOException {
        return decode(name, bytes, DecodeOptions.DEFAULT.withMostPixels(mostPixels));
    }

    /**
     * {@return an image in memory as RGB, by other limits, or upright}
     *
     * @param name of the image, for messages
     * @param bytes the content of a file
     * @param options how large it may be, and whether it is turned upright
     * @throws IOException in one line when the image is missing, broken, of no format that is read,
     *     or too large
     */
    public static Image decode(String name, byte[] bytes, DecodeOptions options)
            throws IOException {
        return decode(name, bytes, options, image -> image);
    }

    /**
     * Decodes an image and uses it. Its memory counts as taken until {@code use} returns, so that
     * many threads that do this at once need no more memory than the process allows for all.
     *
     * @param <T> what is made of the image
     * @param name of the image, for messages
     * @param bytes the content of a file
     * @param options how large it may be, and whether it is turned upright
     * @param use gets the image, should keep little of it, and decodes no other
     * @return what {@code use} returned
     * @throws IOException in one line when the image is missing, broken, of no format that is read,
     *     or too large
     */
    public static <T> T decode(
            String name, byte[] bytes, DecodeOptions options, Function<Image, T> use)
            throws IOException {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(bytes, "bytes");
        Objects.requireNonNull(options, "options");
        Objects.requireNonNull(use, "use");

        return decode(name, bytes, options, DecodedFile::image, use);
    }

    /**
     * Decodes samples as they are stored: indices of a palette, grey values or colours. Its memory
     * counts as taken until {@code use} returns.
     *
     * @param name stands for the file's name in messages
     */
    static <T> T decodeStored(
            String name, byte[] bytes, long mostPixels, Function<BufferedImage, T> use)
            throws IOException {
        return decode(
                name,
                bytes,
                DecodeOptions.DEFAULT.withMostPixels(mostPixels),
                DecodedFile::stored,
                use);
    }

    /** Pixels in one form or another. */
    @FunctionalInterface
    private interface Pixels<P> {
        P of(DecodedFile file) throws IOException;
    }

    private static <P, T> T decode(
            String name, byte[] bytes, DecodeOptions options, Pixels<P> pixels, Function<P, T> use)
            throws IOException {
        if (bytes.length == 0) {
            throw new DataException(name + ": broken image: it is empty");
        }
        try (DecodedFile file = guarded(name, () -> new DecodedFile(name, bytes, options))) {
            long needed = guarded(name, file::bytes);
            try (DecodingMemory.Share share =
                    DecodingMemory.OF_PROCESS.take(name + ": " + file.size() + " pixels", needed)) {
                return use.apply(guarded(name, () -> pixels.of(file)));
            }
        }
    }

    /** All of a file. */
    static byte[] bytes(Path file) throws IOException {
        try {
            long size = Files.size(file);
            if (size > MOST_BYTES) {
                throw new DataException(
                        file + ": has " + size + " bytes, more than " + MOST_BYTES + " allowed");
            }
            byte[] bytes = Files.readAllBytes(file);
            if (bytes.length == 0) {
                throw new DataException(file + ": broken image: the file is empty");
            }
            return bytes;
        } catch (NoSuchFileException e) {
            throw new DataException(file + ": no such file", e);
        } catch (AccessDeniedException e) {
            throw new DataException(file + ": cannot be read: not allowed", e);
        } catch (DataException e) {
            throw e;
        } catch (IOException e) {
            throw new DataException(file + ": cannot be read: " + reason(e), e);
        } catch (OutOfMemoryError e) {
            throw outOfMemory(file.toString(), e);
        }
    }

    /**
     * What a decoder throws, as it is meant: decoders throw all sorts of exceptions on broken
     * files, and put errors of the JVM into them, which are no fault of a file.
     */
    private static <T> T guarded(String name, Callable<T> work) throws IOException {
        try {
            return work.call();
        } catch (DataException e) {
            throw e;
        } catch (Exception | OutOfMemoryError e) {
            Error error = JvmErrors.in(e);
            if (error instanceof OutOfMemoryError) {
                throw outOfMemory(name, e);
            }
            if (error != null) {
                throw error;
            }
            throw new DataException(name + ": broken image: " + reason(e), e);
        }
    }

    private static ImageMemoryException outOfMemory(String name, Throwable e) {
        return new ImageMemoryException(
                name
                        + ": out of memory while it was decoded, the heap has "
                        + DecodingMemory.megabytes(DecodingMemory.OF_PROCESS.heap()),
                e);
    }

    /** The first words that an exception or one of its causes has to say. */
    private static String reason(Throwable thrown) {
        Throwable e = thrown;
        for (int i = 0; e != null && i < 10; i++) {
            String line =
                    e.getMessage() == null
                            ? ""
                            : e.getMessage().lines().findFirst().orElse("").strip();
            boolean says = !line.isBlank() && !line.endsWith(":");
            if (says) {
                return line;
            }
            e = e.getCause();
        }
        return thrown.getClass().getSimpleName();
    }
}

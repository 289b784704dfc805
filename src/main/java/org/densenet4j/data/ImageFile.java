package org.densenet4j.data;

import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.IndexColorModel;
import java.awt.image.PackedColorModel;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;

import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import javax.imageio.stream.MemoryCacheImageInputStream;

/**
 * Decodes JPEG and PNG files to RGB, with bounds: what a file claims to be is looked at before
 * anything is allocated for it.
 *
 * <p>As Pillow's {@code convert("RGB")} does, grey is repeated, an alpha channel is left out,
 * embedded profiles and the Exif orientation are ignored.
 */
public final class ImageFile {
    /** Most pixels of an image, unless told otherwise: 150 MB decoded. */
    public static final long MOST_PIXELS = 50_000_000;

    private static final long MOST_BYTES = 256L << 20;
    private static final List<String> EXTENSIONS = List.of(".jpg", ".jpeg", ".png");

    private ImageFile() {}

    /** Whether the name is that of an image that {@link #read(Path)} might read. */
    public static boolean isImage(Path file) {
        String name = String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT);
        return !name.startsWith(".") && EXTENSIONS.stream().anyMatch(name::endsWith);
    }

    /**
     * Reads a JPEG or PNG file as RGB.
     *
     * @throws DataException in one line that names the file when it is missing, broken, truncated
     *     or too large
     */
    public static Image read(Path file) throws IOException {
        return read(file, MOST_PIXELS);
    }

    /**
     * The same with another limit.
     *
     * @param mostPixels larger images are refused before they are decoded
     */
    public static Image read(Path file, long mostPixels) throws IOException {
        return read(file, new PixelBudget(mostPixels));
    }

    /**
     * Decodes a JPEG or PNG image that is in memory, such as an upload.
     *
     * @param name stands for the file's name in messages
     * @throws DataException in one line when it is broken, truncated or too large
     */
    public static Image decode(String name, byte[] bytes) throws IOException {
        if (bytes.length == 0) {
            throw new DataException(name + ": broken image: it is empty");
        }
        return decode(name, bytes, new PixelBudget(MOST_PIXELS));
    }

    static Image read(Path file, PixelBudget budget) throws IOException {
        return decode(file.toString(), bytes(file), budget);
    }

    private static Image decode(String file, byte[] bytes, PixelBudget budget) throws IOException {
        try (ImageInputStream stream =
                new MemoryCacheImageInputStream(new ByteArrayInputStream(bytes))) {
            ImageReader reader = reader(file, stream);
            try {
                return decode(file, bytes, reader, stream, budget);
            } finally {
                reader.dispose();
            }
        } catch (DataException e) {
            throw e;
        } catch (IOException | RuntimeException e) {
            // The JDK's decoders throw all sorts of exceptions on broken files.
            throw new DataException(file + ": broken image: " + reason(e), e);
        }
    }

    private static byte[] bytes(Path file) throws IOException {
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
        } catch (DataException e) {
            throw e;
        } catch (IOException e) {
            throw new DataException(file + ": cannot be read: " + reason(e), e);
        }
    }

    private static String reason(Exception e) {
        String message =
                e.getMessage() == null ? "" : e.getMessage().lines().findFirst().orElse("");
        return message.isBlank() ? e.getClass().getSimpleName() : message;
    }

    /** The content decides, not the name: ImageNet has a PNG file that is named .JPEG. */
    private static ImageReader reader(String file, ImageInputStream stream) throws DataException {
        for (Iterator<ImageReader> all = ImageIO.getImageReaders(stream); all.hasNext(); ) {
            ImageReader reader = all.next();
            String[] formats = reader.getOriginatingProvider().getFormatNames();
            if (Arrays.stream(formats)
                    .map(format -> format.toLowerCase(Locale.ROOT))
                    .anyMatch(format -> format.equals("jpeg") || format.equals("png"))) {
                return reader;
            }
            reader.dispose();
        }
        throw new DataException(file + ": broken image: neither JPEG nor PNG");
    }

    private static Image decode(
            String file,
            byte[] bytes,
            ImageReader reader,
            ImageInputStream stream,
            PixelBudget budget)
            throws IOException {
        boolean[] truncated = new boolean[1];
        reader.setInput(stream, true, true);
        reader.addIIOReadWarningListener(
                (source, warning) -> truncated[0] |= isTruncation(warning));
        int width = reader.getWidth(0);
        int height = reader.getHeight(0);
        long pixels = (long) width * height;
        if (width < 1 || height < 1) {
            throw new DataException(file + ": broken image: no pixels");
        }
        if (pixels > budget.most()) {
            throw new DataException(
                    file
                            + ": is "
                            + width
                            + "x"
                            + height
                            + " = "
                            + pixels
                            + " pixels, more than the limit of "
                            + budget.most());
        }
        if (!CompressionLimit.allows(bytes, width, height)) {
            throw new DataException(
                    file
                            + ": broken image: "
                            + width
                            + "x"
                            + height
                            + " pixels do not fit into "
                            + bytes.length
                            + " bytes; truncated?");
        }
        try (PixelBudget.Share share = budget.take(pixels)) {
            Image image = rgb(reader.read(0));
            if (truncated[0]) {
                throw new DataException(file + ": broken image: the file is truncated");
            }
            return image;
        }
    }

    private static boolean isTruncation(String warning) {
        String text = warning.toLowerCase(Locale.ROOT);
        return text.contains("truncated") || text.contains("premature") || text.contains("eof");
    }

    private static Image rgb(BufferedImage image) throws IOException {
        int width = image.getWidth();
        int height = image.getHeight();
        byte[] pixels = new byte[3 * width * height];
        ColorModel model = image.getColorModel();
        if (model instanceof IndexColorModel || model instanceof PackedColorModel) {
            fromPacked(image, pixels);
        } else {
            fromSamples(image.getRaster(), model, pixels);
        }
        return new Image(height, width, 3, pixels);
    }

    private static void fromPacked(BufferedImage image, byte[] pixels) {
        int width = image.getWidth();
        int[] row = new int[width];
        for (int y = 0; y < image.getHeight(); y++) {
            image.getRGB(0, y, width, 1, row, 0, width);
            for (int x = 0; x < width; x++) {
                int at = 3 * (y * width + x);
                pixels[at] = (byte) (row[x] >> 16);
                pixels[at + 1] = (byte) (row[x] >> 8);
                pixels[at + 2] = (byte) row[x];
            }
        }
    }

    /** Raw values: {@code getRGB} would treat grey as linear light and make it brighter. */
    private static void fromSamples(Raster raster, ColorModel model, byte[] pixels)
            throws IOException {
        int colours = model.getNumColorComponents();
        if (colours != 1 && colours != 3) {
            throw new IOException("has " + colours + " colour components");
        }
        int width = raster.getWidth();
        int bands = raster.getNumBands();
        int bits = model.getComponentSize(0);
        int[] row = new int[width * bands];
        for (int y = 0; y < raster.getHeight(); y++) {
            raster.getPixels(raster.getMinX(), raster.getMinY() + y, width, 1, row);
            for (int x = 0; x < width; x++) {
                for (int c = 0; c < 3; c++) {
                    int value = row[x * bands + (colours == 1 ? 0 : c)];
                    pixels[3 * (y * width + x) + c] = (byte) toEightBits(value, bits);
                }
            }
        }
    }

    private static int toEightBits(int value, int bits) {
        return bits == 8 ? value : bits > 8 ? value >> (bits - 8) : value * 255 / ((1 << bits) - 1);
    }
}

package org.densenet4j.data;

import org.jspecify.annotations.Nullable;

import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;

import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.ImageTypeSpecifier;
import javax.imageio.stream.ImageInputStream;

/**
 * One image file on its way to pixels. What it claims to be is looked at when it is opened; pixels
 * are allocated later, by {@link #image}, when there is room for {@link #bytes}.
 */
final class DecodedFile implements AutoCloseable {
    /** Java's arrays hold no more bytes than this of RGB. */
    private static final long MOST_PIXELS = (Integer.MAX_VALUE - 8) / 3;

    /** What the readers say of a file that ends before its image does. */
    private static final List<String> TRUNCATED =
            List.of(
                    "Truncated File - Missing EOI marker",
                    "Premature end of JPEG file",
                    "Corrupt JPEG data: premature end of data segment");

    private final String name;
    private final byte[] file;

    /** What the reader gets: of WebP a part of the file. */
    private byte[] pixels;

    private final ImageFormat format;
    private final int orientation;
    private final ImageReader reader;
    private final ImageInputStream stream;
    private final List<String> warnings = new ArrayList<>();

    private int width;
    private int height;
    private int left;
    private int top;
    private int background;
    private @Nullable TiffLayout tiff;

    /**
     * Opens a file.
     *
     * @throws DataException in one line when it is of no format that is read, broken or too large
     */
    DecodedFile(String name, byte[] file, DecodeOptions options) throws IOException {
        this.name = name;
        this.file = file;
        this.pixels = file;
        ImageFormat found = ImageFormat.of(file);
        if (found == null) {
            throw new DataException(name + ": " + UnreadFormat.reason(file));
        }
        this.format = found;
        orientation =
                options.exifOrientation()
                        ? ExifOrientation.of(format, file)
                        : ExifOrientation.UPRIGHT;
        checkKind();
        stream = new FileBytes(pixels);
        reader = reader();
        boolean checked = false;
        try {
            reader.setInput(stream, true, true);
            reader.addIIOReadWarningListener((source, warning) -> warnings.add(warning));
            checkSize(options.mostPixels());
            checked = true;
        } finally {
            if (!checked) {
                close();
            }
        }
    }

    /** Looks at the headers that Image I/O does not show, or not before it allocates. */
    private void checkKind() throws DataException {
        switch (format) {
            case JPEG -> {
                JpegFrame frame = JpegFrame.of(file);
                if (frame != null && frame.unread() != null) {
                    throw new DataException(
                            name
                                    + ": is "
                                    + frame.unread()
                                    + ", which is not read; convert it to a baseline or"
                                    + " progressive JPEG or to PNG");
                }
            }
            case GIF -> {
                GifHeader gif = GifHeader.of(name, file);
                place(gif.width(), gif.height(), gif.left(), gif.top());
                background = gif.background();
            }
            case WEBP -> {
                WebpHeader webp = WebpHeader.of(name, file);
                place(webp.width(), webp.height(), webp.left(), webp.top());
                pixels = webp.simple(file);
            }
            case TIFF -> {
                tiff = TiffLayout.of(name, file);
                place(tiff.width(), tiff.height(), 0, 0);
            }
            case BMP -> {
                BmpHeader bmp = BmpHeader.of(name, file);
                place(bmp.width(), bmp.height(), 0, 0);
            }
            case PNG -> {}
        }
    }

    private void place(int canvasWidth, int canvasHeight, int frameLeft, int frameTop) {
        width = canvasWidth;
        height = canvasHeight;
        left = frameLeft;
        top = frameTop;
    }

    private ImageReader reader() throws DataException {
        if (format == ImageFormat.WEBP) {
            return Libwebp.reader(name);
        }
        Iterator<ImageReader> all = ImageIO.getImageReadersByFormatName(format.reader());
        if (!all.hasNext()) {
            throw new DataException(name + ": this Java has no reader of " + format + " images");
        }
        return all.next();
    }

    private void checkSize(long most) throws IOException {
        int frameWidth = width;
        int frameHeight = height;
        if (format != ImageFormat.TIFF && format != ImageFormat.BMP) {
            frameWidth = reader.getWidth(0);
            frameHeight = reader.getHeight(0);
        }
        if (frameWidth < 1 || frameHeight < 1) {
            throw new DataException(name + ": broken image: no pixels");
        }
        width = Math.max(width, frameWidth);
        height = Math.max(height, frameHeight);
        long limit = Math.min(most, MOST_PIXELS);
        long blockPixels = tiff == null ? 0 : tiff.blockPixels();
        if ((long) width * height > limit || blockPixels > limit) {
            throw new DataException(
                    name
                            + ": is "
                            + width
                            + "x"
                            + height
                            + " = "
                            + (long) width * height
                            + " pixels"
                            + (blockPixels > limit ? " in tiles of " + blockPixels : "")
                            + ", more than the limit of "
                            + limit);
        }
        if (left + frameWidth > width || top + frameHeight > height) {
            throw new DataException(name + ": broken image: a frame outside of the canvas");
        }
        if (tiff != null) {
            tiff.checkBlocks();
        }
        if (!CompressionLimit.allows(name, format, file, frameWidth, frameHeight)) {
            throw new DataException(
                    name
                            + ": broken image: "
                            + frameWidth
                            + "x"
                            + frameHeight
                            + " pixels do not fit into "
                            + file.length
                            + " bytes; truncated?");
        }
    }

    /** Bytes of the heap that {@link #image} needs, with the file's own. */
    long bytes() throws IOException {
        ImageTypeSpecifier type = reader.getImageTypes(0).next();
        double perPixel = RgbPixels.bytesPerPixel(type.getColorModel(), type.getSampleModel());
        JpegFrame frame = format == ImageFormat.JPEG ? JpegFrame.of(file) : null;
        if (format == ImageFormat.WEBP || frame != null && frame.components() == 4) {
            perPixel += 4; // ARGB or CMYK on the way
        }
        if (format == ImageFormat.GIF || format == ImageFormat.WEBP && left + top > 0) {
            perPixel += 3; // the frame beside the canvas
        }
        if (orientation != ExifOrientation.UPRIGHT) {
            perPixel += 3;
        }
        long area = (long) width * height;
        long blockBytes = tiff == null ? 0 : tiff.blockBytes();
        long rows = 5L * width * (1 + type.getNumBands() * type.getBitsPerBand(0) / 8); // PNG's
        return (long) (area * perPixel) + rows + blockBytes + file.length;
    }

    /** Decodes the samples as they are stored. */
    BufferedImage stored() throws IOException {
        BufferedImage decoded = reader.read(0);
        for (String warning : warnings) {
            if (TRUNCATED.contains(warning)) {
                throw new DataException(name + ": broken image: the file is truncated");
            }
        }
        return decoded;
    }

    /** Decodes the pixels. */
    Image image() throws IOException {
        Optional<Image> quick = quickly();
        if (quick.isPresent()) {
            return quick.get().oriented(orientation);
        }
        BufferedImage decoded = stored();
        Image frame = RgbPixels.of(tiff == null ? decoded : withPalette(decoded, tiff.palette()));
        Image whole =
                frame.width() == width && frame.height() == height
                        ? frame
                        : frame.onto(height, width, top, left, background);
        return whole.oriented(orientation);
    }

    /** By libjpeg-turbo, which gives the pixels of Image I/O sooner, where it has no complaint. */
    private Optional<Image> quickly() {
        if (format != ImageFormat.JPEG) {
            return Optional.empty();
        }
        JpegFrame frame = JpegFrame.of(file);
        boolean plain = frame != null && (frame.components() == 1 || frame.components() == 3);
        return plain ? LibjpegTurbo.decode(file, height, width) : Optional.empty();
    }

    private static BufferedImage withPalette(BufferedImage image, byte[] palette) {
        int colours = palette.length / 3;
        if (!(image.getColorModel() instanceof IndexColorModel model)
                || colours == 0
                || colours != model.getMapSize()) {
            return image;
        }
        IndexColorModel exact =
                new IndexColorModel(
                        model.getPixelSize(),
                        colours,
                        Arrays.copyOf(palette, colours),
                        Arrays.copyOfRange(palette, colours, 2 * colours),
                        Arrays.copyOfRange(palette, 2 * colours, 3 * colours));
        return new BufferedImage(exact, image.getRaster(), false, null);
    }

    /** Width and height for messages. */
    String size() {
        return width + "x" + height;
    }

    @Override
    public void close() {
        reader.dispose();
    }
}

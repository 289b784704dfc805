package org.densenet4j.data;

import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;

/**
 * Reads label images: PNG files whose samples (grey values, or indices of a palette whatever its
 * colours) are class indices, or whose colours stand in a table. Nothing is guessed: what could
 * mean one class as an index and another as a colour is refused.
 */
final class LabelFile {
    // Where a PNG's first chunk, IHDR, has them (PNG specification, section 11.2.1).
    private static final int BIT_DEPTH = 24;
    private static final int COLOUR_TYPE = 25;
    private static final int TRUE_COLOUR = 2;
    private static final int TRUE_COLOUR_WITH_ALPHA = 6;

    private final Path file;
    private final SegmentationClasses classes;

    private LabelFile(Path file, SegmentationClasses classes) {
        this.file = file;
        this.classes = classes;
    }

    /**
     * Labels of an image.
     *
     * @param height rows of the image that they belong to
     * @param width columns of it
     */
    record Labels(int height, int width, byte[] labels) {}

    /**
     * Reads a file.
     *
     * @throws DataException in one line with the file and the fix when it is no PNG, of 16 bits, or
     *     has an index or a colour that is no class, with its pixel
     */
    static Labels read(Path file, SegmentationClasses classes, long mostPixels) throws IOException {
        LabelFile labels = new LabelFile(file, classes);
        byte[] bytes = ImageFile.bytes(file);
        labels.checkFormat(bytes);
        try {
            return ImageFile.decodeStored(
                    file.toString(), bytes, mostPixels, stored -> labels.checked(bytes, stored));
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private Labels checked(byte[] bytes, BufferedImage stored) {
        try {
            return labels(bytes, stored);
        } catch (DataException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Labels labels(byte[] bytes, BufferedImage stored) throws DataException {
        int height = stored.getHeight();
        int width = stored.getWidth();
        byte[] labels = new byte[Math.multiplyExact(height, width)];
        boolean coloured =
                bytes[COLOUR_TYPE] == TRUE_COLOUR || bytes[COLOUR_TYPE] == TRUE_COLOUR_WITH_ALPHA;
        if (coloured) {
            byColour(stored, labels);
        } else {
            byIndex(stored, bytes, labels);
        }
        return new Labels(height, width, labels);
    }

    private void checkFormat(byte[] bytes) throws DataException {
        ImageFormat format = ImageFormat.of(bytes);
        if (format == ImageFormat.JPEG) {
            throw new DataException(
                    file
                            + ": is a JPEG, whose loss changes classes along edges; make the label"
                            + " image again as a PNG");
        }
        if (format == null) {
            throw new DataException(file + ": " + UnreadFormat.reason(bytes));
        }
        if (format != ImageFormat.PNG) {
            throw new DataException(
                    file + ": is a " + format + " image; convert label images to PNG");
        }
        if (bytes.length > COLOUR_TYPE && bytes[BIT_DEPTH] == 16) {
            throw new DataException(
                    file
                            + ": has 16 bits a sample; convert label images to PNG of 8 bits with"
                            + " indices from 0 to 255");
        }
    }

    private void byColour(BufferedImage stored, byte[] labels) throws DataException {
        if (!classes.hasTable()) {
            throw new DataException(
                    file
                            + ": is an RGB image; give the table of its colours (name,r,g,b), or"
                            + " convert it to class indices (8-bit grey or palette PNG)");
        }
        Raster raster = stored.getRaster();
        int width = stored.getWidth();
        int bands = raster.getNumBands();
        int[] row = new int[width * bands];
        int lastColour = -1;
        int label = 0;
        for (int i = 0; i < labels.length; i++) {
            int x = i % width;
            if (x == 0) {
                raster.getPixels(0, i / width, width, 1, row);
            }
            int at = x * bands;
            int rgb = row[at] << 16 | row[at + 1] << 8 | row[at + 2];
            if (rgb != lastColour) {
                label = classes.labelOfColour(rgb);
                lastColour = rgb;
                if (label == SegmentationClasses.UNKNOWN) {
                    throw new DataException(
                            file
                                    + ": colour "
                                    + SegmentationClasses.text(rgb)
                                    + at(i, width)
                                    + " is not in the table; add it, or a row void,r,g,b that"
                                    + " stands for all others");
                }
            }
            labels[i] = (byte) label;
        }
    }

    private void byIndex(BufferedImage stored, byte[] bytes, byte[] labels) throws DataException {
        Raster raster = stored.getRaster();
        int width = stored.getWidth();
        boolean[] seen = new boolean[256];
        int[] row = new int[width * raster.getNumBands()];
        for (int i = 0; i < labels.length; i++) {
            int x = i % width;
            if (x == 0) {
                raster.getPixels(0, i / width, width, 1, row);
            }
            int index = row[x * raster.getNumBands()];
            int label = classes.labelOfIndex(index);
            if (!seen[index]) {
                seen[index] = true;
                checkIndex(index, label, colour(stored, bytes, index), at(i, width));
            }
            labels[i] = (byte) label;
        }
    }

    /** What an index looks like. */
    private static int colour(BufferedImage stored, byte[] bytes, int index) {
        if (bytes[COLOUR_TYPE] == 3 && stored.getColorModel() instanceof IndexColorModel palette) {
            return index < palette.getMapSize() ? palette.getRGB(index) & 0xFFFFFF : -1;
        }
        int most = (1 << bytes[BIT_DEPTH]) - 1;
        return index * 255 / most * 0x010101;
    }

    /**
     * An index must be one. Its colour does not count, but where the table gives that colour to
     * another class, somebody may have meant the colour. Grey values below the number of classes
     * are indices: black and nearly black is what an index image looks like.
     */
    private void checkIndex(int index, int label, int rgb, String at) throws DataException {
        int meant = rgb < 0 ? SegmentationClasses.UNKNOWN : classes.tableLabel(rgb);
        boolean another = meant != SegmentationClasses.UNKNOWN && meant != label;
        if (label == SegmentationClasses.UNKNOWN) {
            throw new DataException(
                    file
                            + ": class index "
                            + index
                            + at
                            + " is out of range: there are "
                            + classes.count()
                            + " classes"
                            + " and the void label is "
                            + classes.voidLabel()
                            + (another
                                    ? "; its colour is that of "
                                            + classes.described(meant)
                                            + ": convert to RGB to go by colours"
                                    : ""));
        }
        boolean grey = rgb == index * 0x010101;
        boolean blackIndex = grey && index <= classes.count();
        if (another && !blackIndex) {
            throw new DataException(
                    file
                            + ": index "
                            + index
                            + at
                            + " is "
                            + classes.described(label)
                            + " but has the colour of "
                            + classes.described(meant)
                            + " in the table; convert to RGB to go by colours, or leave the table"
                            + " out to go by indices");
        }
    }

    private static String at(int pixel, int width) {
        return " at column " + pixel % width + ", row " + pixel / width;
    }
}

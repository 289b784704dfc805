package org.densenet4j.data;

import org.jspecify.annotations.Nullable;

import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.ComponentSampleModel;
import java.awt.image.DataBuffer;
import java.awt.image.DataBufferByte;
import java.awt.image.IndexColorModel;
import java.awt.image.MultiPixelPackedSampleModel;
import java.awt.image.PackedColorModel;
import java.awt.image.PixelInterleavedSampleModel;
import java.awt.image.Raster;
import java.awt.image.SampleModel;
import java.io.IOException;
import java.util.Arrays;

/** Makes RGB bytes of what Image I/O decodes. */
final class RgbPixels {
    /** Columns that are converted at once: an image may be one very long row. */
    private static final int COLUMNS = 4096;

    private RgbPixels() {}

    /** Bytes of a decoded pixel as Image I/O keeps it, and as RGB beside that. */
    static double bytesPerPixel(ColorModel colours, SampleModel samples) {
        double decoded = bits(samples) / 8.0;
        boolean inPlace =
                colours.getNumComponents() == 3
                        && !(colours instanceof IndexColorModel)
                        && samples.getDataType() == DataBuffer.TYPE_BYTE
                        && samples.getNumBands() == 3;
        return inPlace ? decoded : decoded + 3;
    }

    private static int bits(SampleModel samples) {
        int type = DataBuffer.getDataTypeSize(samples.getDataType());
        if (samples instanceof MultiPixelPackedSampleModel packed) {
            return packed.getPixelBitStride();
        }
        return samples instanceof ComponentSampleModel ? type * samples.getNumBands() : type;
    }

    /** Converts an image, which is of no use any more: its own array may become the result's. */
    static Image of(BufferedImage image) throws IOException {
        int width = image.getWidth();
        int height = image.getHeight();
        byte[] pixels = inPlace(image);
        if (pixels == null) {
            pixels = new byte[Math.multiplyExact(3, Math.multiplyExact(width, height))];
            ColorModel model = image.getColorModel();
            if (model instanceof IndexColorModel || model instanceof PackedColorModel) {
                fromPacked(image, pixels);
            } else {
                fromSamples(image.getRaster(), model, pixels);
            }
        }
        return new Image(height, width, 3, pixels);
    }

    /** The array of an image that has RGB or BGR bytes and nothing else, as RGB; or null. */
    private static byte @Nullable [] inPlace(BufferedImage image) {
        Raster raster = image.getRaster();
        long length = 3L * image.getWidth() * image.getHeight();
        if (!(raster.getSampleModel() instanceof PixelInterleavedSampleModel model)
                || !(raster.getDataBuffer() instanceof DataBufferByte buffer)
                || image.getColorModel().getNumColorComponents() != 3
                || raster.getNumBands() != 3
                || model.getPixelStride() != 3
                || model.getScanlineStride() != 3 * image.getWidth()
                || raster.getParent() != null
                || buffer.getNumBanks() != 1
                || buffer.getOffset() != 0
                || buffer.getSize() != length) {
            return null;
        }
        byte[] bytes = buffer.getData();
        int[] offsets = model.getBandOffsets();
        if (Arrays.equals(offsets, new int[] {2, 1, 0})) {
            for (int i = 0; i < bytes.length; i += 3) {
                byte blue = bytes[i];
                bytes[i] = bytes[i + 2];
                bytes[i + 2] = blue;
            }
            return bytes;
        }
        return Arrays.equals(offsets, new int[] {0, 1, 2}) ? bytes : null;
    }

    private static void fromPacked(BufferedImage image, byte[] pixels) {
        int width = image.getWidth();
        int[] row = new int[Math.min(width, COLUMNS)];
        for (int y = 0; y < image.getHeight(); y++) {
            for (int x = 0; x < width; x += row.length) {
                int columns = Math.min(row.length, width - x);
                image.getRGB(x, y, columns, 1, row, 0, columns);
                int at = 3 * (y * width + x);
                for (int i = 0; i < columns; i++) {
                    pixels[at++] = (byte) (row[i] >> 16);
                    pixels[at++] = (byte) (row[i] >> 8);
                    pixels[at++] = (byte) row[i];
                }
            }
        }
    }

    /** Raw values: {@code getRGB} would treat grey as linear light and make it brighter. */
    private static void fromSamples(Raster raster, ColorModel model, byte[] pixels)
            throws IOException {
        int colours = model.getNumColorComponents();
        int bands = raster.getNumBands();
        int type = raster.getTransferType();
        if (colours != 1 && colours != 3 && colours != 4 || bands < colours) {
            throw new IOException("has " + colours + " colour components");
        }
        if (type != DataBuffer.TYPE_BYTE && type != DataBuffer.TYPE_USHORT) {
            throw new IOException("has samples that are not of 8 or 16 bits");
        }
        int width = raster.getWidth();
        int bits = model.getComponentSize(0);
        boolean premultiplied = model.hasAlpha() && model.isAlphaPremultiplied();
        int[] row = new int[Math.min(width, COLUMNS) * bands];
        int at = 0;
        for (int y = 0; y < raster.getHeight(); y++) {
            for (int x = 0; x < width; x += COLUMNS) {
                int columns = Math.min(COLUMNS, width - x);
                raster.getPixels(raster.getMinX() + x, raster.getMinY() + y, columns, 1, row);
                for (int i = 0; i < columns * bands; i += bands) {
                    for (int c = 0; c < 3; c++) {
                        int value = toEightBits(row[i + (colours == 1 ? 0 : c)], bits);
                        if (colours == 4) {
                            value = withBlack(value, toEightBits(row[i + 3], bits));
                        } else if (premultiplied) {
                            value = withoutAlpha(value, toEightBits(row[i + bands - 1], bits));
                        }
                        pixels[at++] = (byte) value;
                    }
                }
            }
        }
    }

    private static int toEightBits(int value, int bits) {
        return bits == 8 ? value : bits > 8 ? value >> (bits - 8) : value * 255 / ((1 << bits) - 1);
    }

    /** A colour of CMYK, which are inks, as light: as Pillow computes it. */
    private static int withBlack(int ink, int black) {
        int light = 255 - black;
        int product = ink * light + 128;
        return Math.max(0, light - ((product >> 8) + product >> 8));
    }

    /** A colour that was multiplied by its opacity, as it was before. */
    private static int withoutAlpha(int value, int alpha) {
        return alpha == 0 ? 0 : Math.min(255, value * 255 / alpha);
    }
}

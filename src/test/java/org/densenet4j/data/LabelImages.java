package org.densenet4j.data;

import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.IntUnaryOperator;

import javax.imageio.ImageIO;

/** Files of label images and images for tests, pixel by pixel, row by row. */
final class LabelImages {
    private LabelImages() {}

    /** 8-bit grey values. */
    static void grey(Path file, int height, int width, IntUnaryOperator value) throws IOException {
        write(file, new BufferedImage(width, height, BufferedImage.TYPE_BYTE_GRAY), value);
    }

    /** 16-bit grey values. */
    static void grey16(Path file, int height, int width, IntUnaryOperator value)
            throws IOException {
        write(file, new BufferedImage(width, height, BufferedImage.TYPE_USHORT_GRAY), value);
    }

    /** Indices of a palette of RGB colours, of as few bits as hold them. */
    static void palette(Path file, int height, int width, int[] palette, IntUnaryOperator index)
            throws IOException {
        int bits = palette.length <= 2 ? 1 : palette.length <= 16 ? 4 : 8;
        IndexColorModel colours =
                new IndexColorModel(bits, palette.length, palette, 0, false, -1, 0);
        int type = bits == 8 ? BufferedImage.TYPE_BYTE_INDEXED : BufferedImage.TYPE_BYTE_BINARY;
        write(file, new BufferedImage(width, height, type, colours), index);
    }

    /** Colours, {@code 0xRRGGBB}. */
    static void rgb(Path file, int height, int width, IntUnaryOperator colour) throws IOException {
        BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        for (int i = 0; i < height * width; i++) {
            image.setRGB(i % width, i / width, colour.applyAsInt(i));
        }
        write(file, image);
    }

    private static void write(Path file, BufferedImage image, IntUnaryOperator sample)
            throws IOException {
        for (int i = 0; i < image.getHeight() * image.getWidth(); i++) {
            image.getRaster()
                    .setSample(i % image.getWidth(), i / image.getWidth(), 0, sample.applyAsInt(i));
        }
        write(file, image);
    }

    /** In the format of the name's extension. */
    static void write(Path file, BufferedImage image) throws IOException {
        Files.createDirectories(file.getParent());
        String name = file.getFileName().toString();
        String format = name.substring(name.lastIndexOf('.') + 1);
        if (!ImageIO.write(image, format, file.toFile())) {
            throw new IOException("no writer of " + format);
        }
    }
}

package org.densenet4j.data;

import org.densenet4j.io.OutputFolder;

import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

import javax.imageio.ImageIO;

/**
 * A class for every pixel of an image, as PNG files: of indices, of colours, and over the image.
 * The array is not copied.
 *
 * @param height rows of pixels
 * @param width columns of pixels
 * @param labels H·W classes, row by row; {@link SegmentationBatch#VOID} where there is none
 * @param classes which colours and indices they have
 */
public record ClassMask(int height, int width, int[] labels, SegmentationClasses classes) {
    /** How much of a class's colour there is over an image, unless told otherwise. */
    public static final double OPACITY = 0.5;

    /** Checks the labels. */
    public ClassMask {
        Objects.requireNonNull(labels, "labels");
        Objects.requireNonNull(classes, "classes");
        if (height < 1 || width < 1 || labels.length != (double) height * width) {
            throw new IllegalArgumentException(
                    "a mask of " + height + "x" + width + " does not have " + labels.length);
        }
        for (int label : labels) {
            if (label != SegmentationBatch.VOID && (label < 0 || label >= classes.count())) {
                throw new IllegalArgumentException(
                        "class " + label + ": there are " + classes.count() + " classes");
            }
        }
    }

    /**
     * {@return of what a network gives: the class of each pixel's first largest logit}
     *
     * @param height rows of pixels
     * @param width columns of pixels
     * @param logits [pixels, classes], those of one image from {@code at} on
     * @param at where the image's first value is
     * @param classes as many as there are values of a pixel
     */
    public static ClassMask of(
            int height, int width, float[] logits, int at, SegmentationClasses classes) {
        Objects.requireNonNull(logits, "logits");
        Objects.requireNonNull(classes, "classes");
        int count = classes.count();
        if (height < 1 || width < 1) {
            throw new IllegalArgumentException(
                    "a mask of " + height + "x" + width + ": use 1 or more of each");
        }
        if (at < 0 || (double) height * width * count > logits.length - at) {
            throw new IllegalArgumentException(
                    "logits of "
                            + height
                            + "x"
                            + width
                            + " pixels and "
                            + count
                            + " classes from "
                            + at
                            + " on: the array has "
                            + logits.length);
        }
        int[] labels = new int[Math.multiplyExact(height, width)];
        for (int p = 0; p < labels.length; p++) {
            int first = at + p * count;
            for (int c = 1; c < count; c++) {
                if (logits[first + c] > logits[first + labels[p]]) {
                    labels[p] = c;
                }
            }
        }
        return new ClassMask(height, width, labels, classes);
    }

    /**
     * {@return names of the files that {@link #write} makes for an image}
     *
     * @param name without an extension
     */
    public static List<String> fileNames(String name) {
        Objects.requireNonNull(name, "name");
        return List.of(name + ".index.png", name + ".colours.png", name + ".overlay.png");
    }

    /**
     * {@return share of the pixels that each class has, in the order of the classes; void has the
     * rest}
     */
    public double[] shares() {
        long[] counts = new long[classes.count()];
        for (int label : labels) {
            if (label != SegmentationBatch.VOID) {
                counts[label]++;
            }
        }
        return Arrays.stream(counts).mapToDouble(n -> (double) n / labels.length).toArray();
    }

    /**
     * Writes all three files, replacing what is there, with {@link #OPACITY}.
     *
     * @param folder where the files are made
     * @param name of the image without an extension
     * @param image of the mask's size
     * @return the files' paths, in the order of {@link #fileNames}
     * @throws IOException in one line with the path
     */
    public List<Path> write(OutputFolder folder, String name, Image image) throws IOException {
        return write(folder, name, image, OPACITY);
    }

    /**
     * Writes all three files, replacing what is there.
     *
     * @param folder where the files are made
     * @param name of the image without an extension
     * @param image of the mask's size
     * @param opacity of the overlay, as {@link #overlayPng} has it
     * @return the files' paths, in the order of {@link #fileNames}
     * @throws IOException in one line with the path
     */
    public List<Path> write(OutputFolder folder, String name, Image image, double opacity)
            throws IOException {
        Objects.requireNonNull(folder, "folder");
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(image, "image");
        List<String> names = fileNames(name);
        return List.of(
                folder.write(names.get(0), indexPng()),
                folder.write(names.get(1), colouredPng()),
                folder.write(names.get(2), overlayPng(image, opacity)));
    }

    /**
     * {@return class indices, as the label images of a data set are: a PNG of 8 bits with a palette
     * of the classes' colours, so that it looks right, too}
     *
     * @throws IOException when the mask cannot be encoded
     */
    public byte[] indexPng() throws IOException {
        int colours = classes.voidLabel() + 1;
        for (int c = 0; c < classes.count(); c++) {
            colours = Math.max(colours, classes.index(c) + 1);
        }
        int[] palette = new int[colours];
        for (int c = 0; c < classes.count(); c++) {
            palette[classes.index(c)] = classes.colour(c);
        }
        palette[classes.voidLabel()] = classes.voidColour();
        BufferedImage image =
                new BufferedImage(
                        width,
                        height,
                        BufferedImage.TYPE_BYTE_INDEXED,
                        new IndexColorModel(8, colours, palette, 0, false, -1, 0));
        for (int p = 0; p < labels.length; p++) {
            int label = labels[p];
            int index =
                    label == SegmentationBatch.VOID ? classes.voidLabel() : classes.index(label);
            image.getRaster().setSample(p % width, p / width, 0, index);
        }
        return png(image);
    }

    /**
     * {@return the classes' colours: an RGB PNG}
     *
     * @throws IOException when the mask cannot be encoded
     */
    public byte[] colouredPng() throws IOException {
        BufferedImage image = rgb();
        for (int p = 0; p < labels.length; p++) {
            image.setRGB(p % width, p / width, colour(labels[p]));
        }
        return png(image);
    }

    /**
     * {@return the classes' colours over the image; void pixels stay as they are}
     *
     * @param image of one channel or of three, of the mask's size
     * @param opacity 0 for the image alone, 1 for the colours alone
     * @throws IOException when the mask cannot be encoded
     */
    public byte[] overlayPng(Image image, double opacity) throws IOException {
        Objects.requireNonNull(image, "image");
        if (image.height() != height || image.width() != width) {
            throw new IllegalArgumentException(
                    "a mask of "
                            + height
                            + "x"
                            + width
                            + " over an image of "
                            + image.height()
                            + "x"
                            + image.width());
        }
        if (!(opacity >= 0 && opacity <= 1)) {
            throw new IllegalArgumentException("opacity = " + opacity + ": use 0 to 1");
        }
        byte[] pixels = image.inChannels(3).pixels();
        BufferedImage out = rgb();
        for (int p = 0; p < labels.length; p++) {
            double share = labels[p] == SegmentationBatch.VOID ? 0 : opacity;
            int rgb = 0;
            for (int c = 0; c < 3; c++) {
                int over = colour(labels[p]) >> 16 - 8 * c & 0xFF;
                int value = pixels[3 * p + c] & 0xFF;
                rgb = rgb << 8 | (int) Math.round((1 - share) * value + share * over);
            }
            out.setRGB(p % width, p / width, rgb);
        }
        return png(out);
    }

    private int colour(int label) {
        return label == SegmentationBatch.VOID ? classes.voidColour() : classes.colour(label);
    }

    private BufferedImage rgb() {
        return new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    }

    private static byte[] png(BufferedImage image) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ImageIO.write(image, "png", bytes);
        return bytes.toByteArray();
    }
}

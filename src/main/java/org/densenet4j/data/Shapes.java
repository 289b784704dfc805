package org.densenet4j.data;

import org.densenet4j.data.SegmentationFolder.Subset;
import org.densenet4j.io.AtomicFile;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import javax.imageio.ImageIO;

/**
 * A generated segmentation set, "shapes on clutter", so that a fresh machine has something to train
 * on: discs, squares, triangles, rings, crosses and stars on a background that is cluttered with
 * blobs and lines.
 *
 * <p>Only the shape tells the class: size, place, turn and texture are random, and the background
 * and its clutter have textures of the same kind. Pixels on the edges of shapes are void. An image
 * depends on the seed, the side and its index alone. Images are drawn when they are read.
 */
public final class Shapes implements SegmentationDataset {
    private static final int FORMAT_VERSION = 2;
    private static final String MARKER = "shapes.properties";
    private static final String FILE = "%06d.png";

    private final int first;
    private final int count;
    private final int side;
    private final long seed;

    private Shapes(int first, int count, int side, long seed) {
        this.first = first;
        this.count = count;
        this.side = side;
        this.seed = seed;
    }

    /**
     * {@return images {@code first} to {@code first + count - 1} of an endless set}
     *
     * @param first number of the first image, from 0
     * @param count 1 or more
     * @param side rows and columns of pixels
     * @param seed the same one gives the same images
     */
    public static Shapes of(int first, int count, int side, long seed) {
        Index.checkRange(first, count);
        if (side < 16 || side > 4096) {
            throw new IllegalArgumentException("side = " + side + ": use 16 to 4096 pixels");
        }
        return new Shapes(first, count, side, seed);
    }

    /** {@return the background and the shapes} */
    public static SegmentationClasses shapeClasses() {
        List<String> names = new ArrayList<>(List.of("background"));
        for (ShapeOutline shape : ShapeOutline.values()) {
            names.add(shape.name().toLowerCase(Locale.ROOT));
        }
        return SegmentationClasses.of(names);
    }

    @Override
    public int size() {
        return count;
    }

    @Override
    public int channels() {
        return 3;
    }

    @Override
    public SegmentationClasses classes() {
        return shapeClasses();
    }

    @Override
    public String name(int index) {
        return String.format(Locale.ROOT, "shapes %d", first + index);
    }

    @Override
    public <T> T read(int index, Function<LabelledImage, T> use) {
        Objects.requireNonNull(use, "use");
        Index.checked("index", index, count);
        long mixed = seed * 0x9E3779B97F4A7C15L + first + index;
        return use.apply(ShapeScene.draw(side, new SplittableRandom(mixed)));
    }

    /**
     * Writes images to a folder as {@code train}, {@code trainannot}, {@code val}, ... , with the
     * classes' names and colours in {@code classes.csv}: a {@link SegmentationFolder} reads them. A
     * folder that already holds exactly this set is left alone; files of another set of shapes
     * there are replaced.
     *
     * @param folder is made if it is not there
     * @param images how many of each subset; the training images are the first of the endless set,
     *     those for validation follow, then those for tests
     * @param side pixels of each side, 16 to 4096
     * @param seed the same one gives the same images
     * @throws IOException in one line when writing fails, or the folder holds something else
     */
    public static void generate(Path folder, Counts images, int side, long seed)
            throws IOException {
        Objects.requireNonNull(folder, "folder");
        Objects.requireNonNull(images, "images");
        String marker =
                "version="
                        + FORMAT_VERSION
                        + "\ntrain="
                        + images.train
                        + "\nval="
                        + images.val
                        + "\ntest="
                        + images.test
                        + "\nside="
                        + side
                        + "\nseed="
                        + seed
                        + "\n";
        Path markerFile = folder.resolve(MARKER);
        if (isComplete(folder, images, markerFile, marker)) {
            return;
        }
        boolean ours = Files.isRegularFile(markerFile);
        List<Path> earlier = new ArrayList<>();
        for (Subset subset : Subset.values()) {
            earlier.addAll(files(folder.resolve(subset.toString())));
            earlier.addAll(files(folder.resolve(subset + "annot")));
        }
        for (Path file : earlier) {
            if (!ours || !file.getFileName().toString().matches("\\d{6}\\.png")) {
                throw new DataException(
                        file + ": is no generated image; generate them into another folder");
            }
        }
        for (Path file : earlier) {
            Files.delete(file);
        }
        AtomicFile.createFolder(folder);
        // Marked as ours and unfinished from the first file on.
        AtomicFile.write(markerFile, "unfinished\n");
        int first = 0;
        for (Subset subset : Subset.values()) {
            int count = images.of(subset);
            of(first, count, side, seed).write(folder, subset);
            first += count;
        }
        AtomicFile.write(folder.resolve("classes.csv"), shapeClasses().csv());
        AtomicFile.write(markerFile, marker);
    }

    /**
     * How many images each subset has.
     *
     * @param train to train on
     * @param val to decide when to stop
     * @param test to report a result of
     */
    public record Counts(int train, int val, int test) {
        /** Checks the numbers. */
        public Counts {
            if (train < 1 || val < 1 || test < 1 || (long) train + val + test > 1_000_000) {
                throw new IllegalArgumentException(
                        "generate at least one image of each subset, and 1000000 at most");
            }
        }

        private int of(Subset subset) {
            return switch (subset) {
                case TRAIN -> train;
                case VAL -> val;
                case TEST -> test;
            };
        }
    }

    private static boolean isComplete(Path folder, Counts images, Path markerFile, String marker)
            throws IOException {
        if (!Files.isRegularFile(markerFile) || !Files.readString(markerFile).equals(marker)) {
            return false;
        }
        for (Subset subset : Subset.values()) {
            if (files(folder.resolve(subset.toString())).size() != images.of(subset)
                    || files(folder.resolve(subset + "annot")).size() != images.of(subset)) {
                return false;
            }
        }
        return true;
    }

    private static List<Path> files(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(folder)) {
            return files.toList();
        }
    }

    private void write(Path folder, Subset subset) throws IOException {
        Path images = folder.resolve(subset.toString());
        Path labels = folder.resolve(subset + "annot");
        AtomicFile.createFolder(images);
        AtomicFile.createFolder(labels);
        SegmentationClasses classes = classes();
        try {
            IntStream.range(0, count)
                    .parallel()
                    .forEach(
                            i -> {
                                String name = String.format(Locale.ROOT, FILE, i);
                                LabelledImage drawn = read(i, image -> image);
                                write(images.resolve(name), png(drawn.image()));
                                write(labels.resolve(name), png(drawn, classes));
                            });
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    /** Not flushed to the disk one by one, which would take longer than drawing them. */
    private static void write(Path file, byte[] bytes) {
        try {
            Files.write(file, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(new IOException("cannot write " + file, e));
        }
    }

    private static byte[] png(Image image) {
        BufferedImage out =
                new BufferedImage(image.width(), image.height(), BufferedImage.TYPE_INT_RGB);
        byte[] rgb = image.pixels();
        for (int p = 0; p < rgb.length / 3; p++) {
            int colour =
                    (rgb[3 * p] & 0xFF) << 16
                            | (rgb[3 * p + 1] & 0xFF) << 8
                            | rgb[3 * p + 2] & 0xFF;
            out.setRGB(p % image.width(), p / image.width(), colour);
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try {
            ImageIO.write(out, "png", bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    private static byte[] png(LabelledImage drawn, SegmentationClasses classes) {
        int[] labels = new int[drawn.labels().length];
        Arrays.setAll(
                labels,
                p -> {
                    int label = drawn.labels()[p] & 0xFF;
                    return label == LabelledImage.VOID ? SegmentationBatch.VOID : label;
                });
        Image image = drawn.image();
        try {
            return new ClassMask(image.height(), image.width(), labels, classes).indexPng();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

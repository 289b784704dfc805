package org.densenet4j.data;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.GradientPaint;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.AffineTransform;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Line2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Generates labelled 32x32 colour images of ten {@linkplain Glyph glyphs} in the CIFAR-10 binary
 * format, so that a fresh machine has something to train on and the loader for real data is the one
 * that reads it.
 *
 * <p>Only the shape tells the class: position, size, rotation, shear, stroke width, colours and
 * polarity, background, clutter and noise are random. An image depends on the seed and its index
 * alone.
 */
public final class Glyphs {
    private static final int SIDE = CifarFormat.SIDE;
    private static final int FORMAT_VERSION = 1;
    private static final String MARKER = "glyphs.properties";

    // How hard the images are.
    private static final double MOST_ROTATION = Math.toRadians(22);
    private static final double LEAST_SCALE = 7.0;
    private static final double MOST_SCALE = 12.0;
    private static final double MOST_SHEAR = 0.25;
    private static final double MOST_SHIFT = 3.5;
    private static final double LEAST_STROKE = 1.6;
    private static final double MOST_STROKE = 3.6;
    private static final int MOST_CLUTTER = 4;
    private static final double MOST_NOISE = 18;

    private Glyphs() {}

    /** {@return names of the classes} */
    public static List<String> classNames() {
        return Arrays.stream(Glyph.values())
                .map(glyph -> glyph.name().toLowerCase(Locale.ROOT))
                .toList();
    }

    /**
     * Writes {@code train} and {@code test} images to a folder as {@code data_batch_1.bin} to
     * {@code 5}, {@code test_batch.bin} and {@code batches.meta.txt}. A folder that already holds
     * exactly this set is left alone; an unfinished one is written again.
     *
     * @param folder is made if it is not there
     * @param train 5 or more images
     * @param test 1 or more images
     * @param seed the same one gives the same images
     * @throws IOException when writing fails
     */
    public static void generate(Path folder, int train, int test, long seed) throws IOException {
        Objects.requireNonNull(folder, "folder");
        int files = CifarFormat.CIFAR10.trainFiles().size();
        if (train < files || test < 1 || (long) train + test > 1_000_000) {
            throw new IllegalArgumentException(
                    "generate "
                            + files
                            + " to 1000000 training images and at least one test image");
        }
        String marker =
                "version="
                        + FORMAT_VERSION
                        + "\ntrain="
                        + train
                        + "\ntest="
                        + test
                        + "\nseed="
                        + seed
                        + "\n";
        Path markerFile = folder.resolve(MARKER);
        if (isComplete(folder, markerFile, marker)) {
            return;
        }
        Files.createDirectories(folder);
        Files.deleteIfExists(markerFile);
        for (int f = 0; f < files; f++) {
            int from = (int) ((long) train * f / files);
            int to = (int) ((long) train * (f + 1) / files);
            write(folder.resolve(CifarFormat.CIFAR10.trainFiles().get(f)), from, to, seed);
        }
        String testFile = CifarFormat.CIFAR10.testFiles().getFirst();
        write(folder.resolve(testFile), train, train + test, seed);
        write(
                folder.resolve(CifarFormat.CIFAR10.namesFile()),
                String.join("\n", classNames()) + "\n");
        // Written last: what has it is complete.
        write(markerFile, marker);
    }

    private static boolean isComplete(Path folder, Path markerFile, String marker)
            throws IOException {
        if (!Files.isRegularFile(markerFile) || !Files.readString(markerFile).equals(marker)) {
            return false;
        }
        try {
            Cifar.cifar10(folder);
            return true;
        } catch (DataException e) {
            return false;
        }
    }

    private static void write(Path file, String text) throws IOException {
        write(file, text.getBytes(StandardCharsets.UTF_8));
    }

    private static void write(Path file, int from, int to, long seed) throws IOException {
        int recordBytes = CifarFormat.CIFAR10.recordBytes();
        byte[] records = new byte[(to - from) * recordBytes];
        IntStream.range(from, to)
                .parallel()
                .forEach(i -> draw(seed, i, records, (i - from) * recordBytes));
        write(file, records);
    }

    private static void write(Path file, byte[] bytes) throws IOException {
        Path temporary = file.resolveSibling(file.getFileName() + ".tmp");
        try {
            try (FileChannel channel =
                    FileChannel.open(
                            temporary,
                            StandardOpenOption.CREATE,
                            StandardOpenOption.TRUNCATE_EXISTING,
                            StandardOpenOption.WRITE)) {
                ByteBuffer buffer = ByteBuffer.wrap(bytes);
                while (buffer.hasRemaining()) {
                    channel.write(buffer);
                }
            }
            Files.move(temporary, file, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    /** Draws image {@code index} as a CIFAR-10 record. */
    private static void draw(long seed, int index, byte[] records, int at) {
        SplittableRandom random = new SplittableRandom(seed * 0x9E3779B97F4A7C15L + index);
        int label = index % Glyph.values().length;
        BufferedImage image = paint(Glyph.values()[label], random);
        double noise = random.nextDouble() * MOST_NOISE;
        records[at] = (byte) label;
        for (int p = 0; p < CifarFormat.PIXELS; p++) {
            int rgb = image.getRGB(p % SIDE, p / SIDE);
            for (int c = 0; c < CifarFormat.CHANNELS; c++) {
                double value = (rgb >> (16 - 8 * c) & 0xFF) + noise * random.nextGaussian();
                records[at + 1 + c * CifarFormat.PIXELS + p] =
                        (byte) (int) Math.clamp(Math.round(value), 0L, 255L);
            }
        }
    }

    private static BufferedImage paint(Glyph glyph, SplittableRandom random) {
        BufferedImage image = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
        Graphics2D g = image.createGraphics();
        g.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
        g.setRenderingHint(RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
        Color back = RandomColour.any(random);
        Color ink = RandomColour.contrasting(back, random);
        float far = SIDE;
        g.setPaint(
                new GradientPaint(
                        (float) (random.nextDouble() * far),
                        0,
                        back,
                        (float) (random.nextDouble() * far),
                        far,
                        RandomColour.near(back, 40, random)));
        g.fillRect(0, 0, SIDE, SIDE);
        clutter(g, back, random);

        AffineTransform place = new AffineTransform();
        place.translate(
                SIDE / 2.0 + symmetric(random, MOST_SHIFT),
                SIDE / 2.0 + symmetric(random, MOST_SHIFT));
        place.rotate(symmetric(random, MOST_ROTATION));
        place.shear(symmetric(random, MOST_SHEAR), symmetric(random, MOST_SHEAR));
        place.scale(
                between(random, LEAST_SCALE, MOST_SCALE), between(random, LEAST_SCALE, MOST_SCALE));
        g.setColor(ink);
        g.setStroke(
                new BasicStroke(
                        (float) between(random, LEAST_STROKE, MOST_STROKE),
                        BasicStroke.CAP_ROUND,
                        BasicStroke.JOIN_ROUND));
        g.draw(place.createTransformedShape(glyph.outline()));
        g.dispose();
        return image;
    }

    /** Faint lines and spots behind the glyph, closer to the background than to the ink. */
    private static void clutter(Graphics2D g, Color back, SplittableRandom random) {
        int count = random.nextInt(MOST_CLUTTER + 1);
        for (int i = 0; i < count; i++) {
            g.setColor(RandomColour.near(back, 45, random));
            double x = random.nextDouble() * SIDE;
            double y = random.nextDouble() * SIDE;
            if (random.nextBoolean()) {
                g.setStroke(new BasicStroke((float) between(random, 0.8, 2.5)));
                g.draw(
                        new Line2D.Double(
                                x, y, random.nextDouble() * SIDE, random.nextDouble() * SIDE));
            } else {
                double size = between(random, 2, 9);
                g.fill(new Ellipse2D.Double(x - size / 2, y - size / 2, size, size));
            }
        }
    }

    private static double between(SplittableRandom random, double least, double most) {
        return least + (most - least) * random.nextDouble();
    }

    private static double symmetric(SplittableRandom random, double most) {
        return between(random, -most, most);
    }
}

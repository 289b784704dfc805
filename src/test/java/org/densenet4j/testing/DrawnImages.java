package org.densenet4j.testing;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;

import javax.imageio.ImageIO;

/** Folders of small JPEG and PNG files of discs, squares and stripes, in the layout of ImageNet. */
public final class DrawnImages {
    /** The classes, in the order of their folders. */
    public static final List<String> CLASSES = List.of("disc", "square", "stripes");

    private DrawnImages() {}

    /** Writes {@code train} and {@code val} images of each class, half JPEG and half PNG. */
    public static void write(Path root, int train, int val, int pixels) throws IOException {
        for (String name : CLASSES) {
            for (int i = 0; i < train + val; i++) {
                Path folder = root.resolve(i < train ? "train" : "val").resolve(name);
                Files.createDirectories(folder);
                String format = i % 2 == 0 ? "png" : "jpg";
                Path file = folder.resolve(name + i + "." + format);
                ImageIO.write(draw(name, pixels, i), format, file.toFile());
            }
        }
    }

    /** Draws one image of a class; the same number gives the same image. */
    public static BufferedImage draw(String name, int pixels, int number) {
        SplittableRandom random = new SplittableRandom(31L * number + name.hashCode());
        int height = pixels + random.nextInt(pixels / 2); // folders need not be of one size
        int width = pixels + random.nextInt(pixels / 2);
        BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        Graphics2D g = image.createGraphics();
        g.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
        g.setColor(new Color(random.nextInt(90), random.nextInt(90), random.nextInt(90)));
        g.fillRect(0, 0, width, height);
        g.setColor(
                new Color(
                        160 + random.nextInt(90),
                        160 + random.nextInt(90),
                        160 + random.nextInt(90)));
        int size = pixels / 2 + random.nextInt(pixels / 4);
        int x = (width - size) / 2;
        int y = (height - size) / 2;
        switch (name) {
            case "disc" -> g.fillOval(x, y, size, size);
            case "square" -> g.fillRect(x, y, size, size);
            default -> {
                for (int line = 0; line < height; line += 4) {
                    g.fillRect(0, line, width, 2);
                }
            }
        }
        g.dispose();
        return image;
    }
}

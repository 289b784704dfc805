package org.densenet4j.inference;

import org.densenet4j.data.Box;
import org.densenet4j.data.Image;
import org.densenet4j.detection.Detection;
import org.jspecify.annotations.Nullable;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.FontMetrics;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.Rectangle2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

import javax.imageio.ImageIO;

/**
 * What was found, drawn on a copy of the image: boxes in a colour of their class, with the class's
 * name and the score. Small images are enlarged by a whole number, so that labels have room. On
 * machines without fonts there are boxes alone.
 */
public final class DetectionPicture {
    /** Pixels of the longer side that small images are enlarged for. */
    private static final int LEAST_SIDE = 480;

    /** Turn of the hue from class to class, by which no two of the first dozens look the same. */
    private static final double GOLDEN = 0.618033988749895;

    private static final int MOST_LETTERS = 40;

    private final BufferedImage picture;
    private final Graphics2D graphics;
    private final int scale;
    private final float stroke;
    private final List<Rectangle2D> labels = new ArrayList<>();

    private DetectionPicture(Image image) {
        int longer = Math.max(image.height(), image.width());
        scale = Math.max(1, Math.ceilDiv(LEAST_SIDE, longer));
        picture = enlarged(image, scale);
        graphics = picture.createGraphics();
        graphics.setRenderingHint(
                RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
        graphics.setRenderingHint(
                RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
        stroke = Math.max(2, Math.round(longer * scale / 300.0));
    }

    private static BufferedImage enlarged(Image image, int scale) {
        byte[] pixels = image.inChannels(3).pixels();
        BufferedImage out =
                new BufferedImage(
                        Math.multiplyExact(image.width(), scale),
                        Math.multiplyExact(image.height(), scale),
                        BufferedImage.TYPE_INT_RGB);
        for (int y = 0; y < out.getHeight(); y++) {
            for (int x = 0; x < out.getWidth(); x++) {
                int at = 3 * (y / scale * image.width() + x / scale);
                out.setRGB(
                        x,
                        y,
                        (pixels[at] & 0xFF) << 16
                                | (pixels[at + 1] & 0xFF) << 8
                                | pixels[at + 2] & 0xFF);
            }
        }
        return out;
    }

    /** {@return whether this machine has a font for labels} */
    public static boolean hasLabels() {
        return Fonts.METRICS != null;
    }

    /**
     * {@return the picture as a PNG file's bytes}
     *
     * @param image that objects were found in
     * @param found in pixels of the image
     * @param classNames in the order of labels
     * @throws IOException when it cannot be encoded
     */
    public static byte[] png(Image image, List<Detection> found, List<String> classNames)
            throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ImageIO.write(draw(image, found, classNames), "png", bytes);
        return bytes.toByteArray();
    }

    /**
     * {@return a new image with the boxes, of the image's size or some times as large}
     *
     * @param image that objects were found in
     * @param found in pixels of the image
     * @param classNames in the order of labels
     */
    public static BufferedImage draw(Image image, List<Detection> found, List<String> classNames) {
        Objects.requireNonNull(image, "image");
        Objects.requireNonNull(found, "found");
        Objects.requireNonNull(classNames, "classNames");
        DetectionPicture picture = new DetectionPicture(image);
        try {
            found.reversed().forEach(picture::box); // the best ones on top
            if (hasLabels()) {
                found.forEach(one -> picture.label(one, classNames));
            }
        } finally {
            picture.graphics.dispose();
        }
        return picture.picture;
    }

    /**
     * {@return the colour that a class is drawn in, {@code 0xRRGGBB}}
     *
     * @param label of the class, from 0
     */
    public static int colour(int label) {
        double hue = (0.02 + label * GOLDEN) % 1;
        float saturation = label / 12 % 2 == 0 ? 0.85f : 0.55f;
        return Color.HSBtoRGB((float) hue, saturation, 0.95f) & 0xFFFFFF;
    }

    private Rectangle2D scaled(Box box) {
        return new Rectangle2D.Double(
                box.left() * scale, box.top() * scale, box.width() * scale, box.height() * scale);
    }

    /** With a dark line around the coloured one, which shows on every ground. */
    private void box(Detection one) {
        Rectangle2D outline = scaled(one.box());
        graphics.setColor(new Color(0, 0, 0, 140));
        graphics.setStroke(new BasicStroke(stroke + 2));
        graphics.draw(outline);
        graphics.setColor(new Color(colour(one.label())));
        graphics.setStroke(new BasicStroke(stroke));
        graphics.draw(outline);
    }

    private void label(Detection one, List<String> classNames) {
        String text =
                String.format(
                        Locale.ROOT,
                        "%s %.2f",
                        shortened(classNames.get(one.label())),
                        one.score());
        float size = Math.clamp(Math.max(picture.getHeight(), picture.getWidth()) / 40f, 12f, 48f);
        Font font = new Font(Font.SANS_SERIF, Font.BOLD, 1).deriveFont(size);
        graphics.setFont(font);
        FontMetrics metrics = graphics.getFontMetrics();
        double padding = Math.max(2, size / 5);
        double width = metrics.stringWidth(text) + 2 * padding;
        double height = metrics.getAscent() + metrics.getDescent();
        Rectangle2D place = place(scaled(one.box()), width, height);
        labels.add(place);
        int rgb = colour(one.label());
        graphics.setColor(new Color(rgb));
        graphics.fill(place);
        graphics.setColor(isLight(rgb) ? Color.BLACK : Color.WHITE);
        graphics.drawString(
                text,
                (float) (place.getX() + padding),
                (float) (place.getY() + metrics.getAscent()));
    }

    private static String shortened(String name) {
        String line = name.replaceAll("\\s+", " ").strip();
        return line.length() <= MOST_LETTERS ? line : line.substring(0, MOST_LETTERS - 1) + "…";
    }

    /** Above the box, in it, below it: the first place that is free and in the picture. */
    private Rectangle2D place(Rectangle2D box, double width, double height) {
        double half = stroke / 2;
        double left = box.getX() - half;
        double right = box.getMaxX() + half - width;
        double[] tops = {
            box.getY() - half - height,
            box.getMaxY() + half,
            box.getY() + half,
            box.getMaxY() - half - height
        };
        @Nullable Rectangle2D first = null;
        for (double top : tops) {
            for (double x : new double[] {left, right}) {
                double inside = Math.clamp(x, 0, Math.max(0, picture.getWidth() - width));
                Rectangle2D at = new Rectangle2D.Double(inside, top, width, height);
                if (top < 0 || top + height > picture.getHeight()) {
                    continue;
                }
                first = first == null ? at : first;
                if (labels.stream().noneMatch(at::intersects)) {
                    return at;
                }
            }
        }
        return first != null ? first : new Rectangle2D.Double(Math.max(0, left), 0, width, height);
    }

    /** By its luma, whether black is better to read on it than white. */
    private static boolean isLight(int rgb) {
        return 0.299 * (rgb >> 16) + 0.587 * (rgb >> 8 & 0xFF) + 0.114 * (rgb & 0xFF) > 140;
    }

    /** Looked for once. */
    private static final class Fonts {
        static final @Nullable FontMetrics METRICS = metrics();

        private Fonts() {}

        /** Java fails in several ways where the system has no font or no library for them. */
        private static @Nullable FontMetrics metrics() {
            Graphics2D graphics =
                    new BufferedImage(1, 1, BufferedImage.TYPE_INT_RGB).createGraphics();
            try {
                FontMetrics metrics =
                        graphics.getFontMetrics(new Font(Font.SANS_SERIF, Font.BOLD, 12));
                return metrics.stringWidth("a") > 0 ? metrics : null;
            } catch (RuntimeException | LinkageError | InternalError e) {
                return null;
            } finally {
                graphics.dispose();
            }
        }
    }
}

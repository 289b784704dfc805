package org.densenet4j.inference;

import org.densenet4j.data.Image;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Objects;
import java.util.function.UnaryOperator;

import javax.imageio.ImageIO;

/**
 * A heat map over the image that it is of: the part that the network sees, with the evidence for
 * the class in colour (blue a little, yellow, red the most). Places that speak against the class
 * stay as they are.
 */
public final class HeatMapOverlay {
    private static final int LEAST_SIDE = 224;
    private static final int[][] RAMP = {
        {30, 70, 220}, {40, 190, 220}, {250, 225, 50}, {225, 20, 20}
    };
    private static final double MOST_OPAQUE = 0.65;

    private HeatMapOverlay() {}

    /**
     * {@return what a map is drawn on: the part of an image that the network sees}
     *
     * @param preparation a predictor's
     */
    public static UnaryOperator<Image> shown(ImagePreparation preparation) {
        Objects.requireNonNull(preparation, "preparation");
        return image -> preparation.visible(image, LEAST_SIDE);
    }

    /**
     * {@return {@link #draw} as a PNG file's bytes}
     *
     * @param shown a {@link #shown} image
     * @param map of that image
     * @throws IOException when the picture cannot be encoded
     */
    public static byte[] png(Image shown, HeatMap map) throws IOException {
        Objects.requireNonNull(shown, "shown");
        Objects.requireNonNull(map, "map");
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ImageIO.write(draw(shown, map), "png", bytes);
        return bytes.toByteArray();
    }

    /**
     * Draws the overlay over an image of any size.
     *
     * @param image as it comes from a file
     * @param preparation which says what part of the image the network saw
     * @param map of that image
     * @return a new image of the same size
     */
    public static BufferedImage draw(Image image, ImagePreparation preparation, HeatMap map) {
        Objects.requireNonNull(image, "image");
        Objects.requireNonNull(preparation, "preparation");
        Objects.requireNonNull(map, "map");
        return draw(shown(preparation).apply(image), map);
    }

    private static BufferedImage draw(Image shown, HeatMap map) {
        double largest = 0;
        for (float value : map.values()) {
            largest = Math.max(largest, value);
        }
        BufferedImage out =
                new BufferedImage(shown.width(), shown.height(), BufferedImage.TYPE_INT_RGB);
        for (int y = 0; y < shown.height(); y++) {
            for (int x = 0; x < shown.width(); x++) {
                double value =
                        map.at((y + 0.5) / shown.height(), (x + 0.5) / shown.width()) / largest;
                double evidence = largest > 0 ? Math.clamp(value, 0, 1) : 0;
                out.setRGB(x, y, blend(shown, y * shown.width() + x, evidence));
            }
        }
        return out;
    }

    private static int blend(Image image, int pixel, double evidence) {
        double position = evidence * (RAMP.length - 1);
        int from = Math.min((int) position, RAMP.length - 2);
        double share = position - from;
        double opacity = MOST_OPAQUE * Math.min(1, 2 * evidence);
        int rgb = 0;
        for (int c = 0; c < 3; c++) {
            int at = pixel * image.channels() + Math.min(c, image.channels() - 1);
            double colour = (1 - share) * RAMP[from][c] + share * RAMP[from + 1][c];
            double value = (1 - opacity) * (image.pixels()[at] & 0xFF) + opacity * colour;
            rgb = rgb << 8 | (int) Math.round(value);
        }
        return rgb;
    }
}

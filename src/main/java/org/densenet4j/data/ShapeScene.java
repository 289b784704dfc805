package org.densenet4j.data;

import org.jspecify.annotations.Nullable;

import java.awt.BasicStroke;
import java.awt.Shape;
import java.awt.geom.AffineTransform;
import java.awt.geom.Line2D;
import java.awt.geom.Path2D;
import java.awt.geom.Rectangle2D;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * One generated image: shapes of random class, size, place, turn and texture on a background that
 * is cluttered with blobs and lines of the same textures. Layers are painted one over the other,
 * antialiased; pixels that the edge of a shape crosses are void.
 */
final class ShapeScene {
    private static final int CHANNELS = 3;

    /** Subsamples of a pixel along each side. */
    private static final int SAMPLES = 3;

    // How hard the images are; lengths are shares of the side.
    private static final int MOST_BLOBS = 4;
    private static final int MOST_LINES = 5;
    private static final int LEAST_SHAPES = 2;
    private static final int MOST_SHAPES = 5;
    private static final double LEAST_RADIUS = 0.13;
    private static final double MOST_RADIUS = 0.25;
    private static final double BORDER = 0.1;
    private static final double MOST_STRETCH = 1.2;
    private static final double MOST_NOISE = 12;
    private static final int TRIES = 10;

    private final int side;
    private final SplittableRandom random;
    private final double[] colours;
    private final byte[] labels;

    private ShapeScene(int side, SplittableRandom random) {
        this.side = side;
        this.random = random;
        this.colours = new double[side * side * CHANNELS];
        this.labels = new byte[side * side];
    }

    /** Draws a scene; class 0 is the background, class 1 + i the {@link ShapeOutline} i. */
    static LabelledImage draw(int side, SplittableRandom random) {
        ShapeScene scene = new ShapeScene(side, random);
        scene.paint(new Rectangle2D.Double(0, 0, side, side), 0);
        scene.blobs();
        scene.lines();
        scene.shapes();
        return new LabelledImage(scene.withNoise(), scene.labels);
    }

    private void blobs() {
        int count = random.nextInt(MOST_BLOBS + 1);
        for (int i = 0; i < count; i++) {
            paint(blob(place(), place(), side * between(LEAST_RADIUS, 1.5 * MOST_RADIUS)), 0);
        }
    }

    /** A polygon of random corners around a centre: of no class. */
    private Shape blob(double centreX, double centreY, double radius) {
        Path2D path = new Path2D.Double();
        int corners = random.nextInt(5, 10);
        for (int i = 0; i < corners; i++) {
            double angle = 2 * Math.PI * (i + random.nextDouble()) / corners;
            double distance = radius * between(0.4, 1);
            double x = centreX + distance * StrictMath.cos(angle);
            double y = centreY + distance * StrictMath.sin(angle);
            if (i == 0) {
                path.moveTo(x, y);
            } else {
                path.lineTo(x, y);
            }
        }
        path.closePath();
        return path;
    }

    private void lines() {
        int count = random.nextInt(MOST_LINES + 1);
        for (int i = 0; i < count; i++) {
            BasicStroke stroke = new BasicStroke((float) between(0.8, 3));
            paint(
                    stroke.createStrokedShape(
                            new Line2D.Double(place(), place(), place(), place())),
                    0);
        }
    }

    /** Shapes that do not touch each other, so that each is whole but for the image's border. */
    private void shapes() {
        int count = random.nextInt(LEAST_SHAPES, MOST_SHAPES + 1);
        double[][] circles = new double[count][];
        for (int i = 0; i < count; i++) {
            circles[i] = freeCircle(Arrays.copyOf(circles, i));
            int outline = random.nextInt(ShapeOutline.values().length);
            double turn = random.nextDouble() * 2 * Math.PI;
            double stretch = between(1 / MOST_STRETCH, 1);
            if (circles[i] != null) {
                AffineTransform at = new AffineTransform();
                at.translate(circles[i][0], circles[i][1]);
                at.rotate(turn);
                at.scale(circles[i][2], circles[i][2] * stretch);
                paint(
                        at.createTransformedShape(ShapeOutline.values()[outline].outline()),
                        1 + outline);
            }
        }
    }

    /** Centre and radius; null where there is no room. */
    private double @Nullable [] freeCircle(double[][] taken) {
        for (int i = 0; i < TRIES; i++) {
            double x = side * between(BORDER, 1 - BORDER);
            double y = side * between(BORDER, 1 - BORDER);
            double radius = side * between(LEAST_RADIUS, MOST_RADIUS);
            boolean free =
                    Arrays.stream(taken)
                            .allMatch(c -> c == null || distance(c, x, y) > c[2] + radius + 1);
            if (free) {
                return new double[] {x, y, radius};
            }
        }
        return null;
    }

    private static double distance(double[] circle, double x, double y) {
        double dx = circle[0] - x;
        double dy = circle[1] - y;
        return Math.sqrt(dx * dx + dy * dy);
    }

    /** Paints a shape with a random texture. */
    private void paint(Shape shape, int label) {
        SceneTexture texture = SceneTexture.random(random);
        Rectangle2D bounds = shape.getBounds2D();
        int top = (int) Math.clamp(Math.floor(bounds.getMinY()), 0, side);
        int bottom = (int) Math.clamp(Math.ceil(bounds.getMaxY()), 0, side);
        int left = (int) Math.clamp(Math.floor(bounds.getMinX()), 0, side);
        int right = (int) Math.clamp(Math.ceil(bounds.getMaxX()), 0, side);
        for (int y = top; y < bottom; y++) {
            for (int x = left; x < right; x++) {
                double covered = covered(shape, x, y);
                int pixel = y * side + x;
                for (int c = 0; c < CHANNELS; c++) {
                    double old = colours[pixel * CHANNELS + c];
                    colours[pixel * CHANNELS + c] =
                            old + covered * (texture.at(x + 0.5, y + 0.5, c) - old);
                }
                if (label > 0 && covered > 0) {
                    labels[pixel] = (byte) (covered == 1 ? label : LabelledImage.VOID);
                }
            }
        }
    }

    /** The share of a pixel that a shape covers. */
    private static double covered(Shape shape, int x, int y) {
        int inside = 0;
        for (int i = 0; i < SAMPLES * SAMPLES; i++) {
            double sampleX = x + (i % SAMPLES + 0.5) / SAMPLES;
            double sampleY = y + (i / SAMPLES + 0.5) / SAMPLES;
            inside += shape.contains(sampleX, sampleY) ? 1 : 0;
        }
        return (double) inside / (SAMPLES * SAMPLES);
    }

    private Image withNoise() {
        double noise = random.nextDouble() * MOST_NOISE;
        byte[] pixels = new byte[colours.length];
        for (int i = 0; i < pixels.length; i++) {
            double value = colours[i] + noise * random.nextGaussian();
            pixels[i] = (byte) (int) Math.clamp(Math.round(value), 0L, 255L);
        }
        return new Image(side, side, CHANNELS, pixels);
    }

    private double place() {
        return random.nextDouble() * side;
    }

    private double between(double least, double most) {
        return least + (most - least) * random.nextDouble();
    }
}

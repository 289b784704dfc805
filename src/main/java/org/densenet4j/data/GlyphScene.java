package org.densenet4j.data;

import org.jspecify.annotations.Nullable;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.GradientPaint;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.Shape;
import java.awt.geom.AffineTransform;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Line2D;
import java.awt.geom.Path2D;
import java.awt.geom.Rectangle2D;
import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * One generated image for detectors: glyphs of random class, size, place, turn, stroke and colour
 * among lines and spots. The clutter has colours as different from the background as glyphs have,
 * so that neither contrast nor colour tells where an object is.
 */
final class GlyphScene {
    // How hard the images are; lengths are shares of the side.
    private static final int LEAST_GLYPHS = 1;
    private static final int MOST_GLYPHS = 4;
    private static final double LEAST_RADIUS = 0.08;
    private static final double MOST_RADIUS = 0.2;
    private static final double MOST_ROTATION = Math.toRadians(22);
    private static final double MOST_SHEAR = 0.25;
    private static final double MOST_STRETCH = 1.4;
    private static final double LEAST_STROKE = 0.12;
    private static final double MOST_STROKE = 0.3;
    private static final int MOST_LINES = 4;
    private static final int MOST_CURVES = 3;
    private static final int MOST_SPOTS = 6;
    private static final double MOST_NOISE = 18;
    private static final int TRIES = 20;

    private final int side;
    private final SplittableRandom random;
    private final List<LabelledBox> objects = new ArrayList<>();

    /** Centre and radius of each glyph. */
    private final List<double[]> taken = new ArrayList<>();

    private GlyphScene(int side, SplittableRandom random) {
        this.side = side;
        this.random = random;
    }

    /** Draws a scene; label i is the {@link Glyph} i. */
    static AnnotatedImage draw(int side, SplittableRandom random) {
        return new GlyphScene(side, random).draw();
    }

    private AnnotatedImage draw() {
        BufferedImage image = new BufferedImage(side, side, BufferedImage.TYPE_INT_RGB);
        Graphics2D g = image.createGraphics();
        g.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
        g.setRenderingHint(RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
        Color back = RandomColour.any(random);
        g.setPaint(
                new GradientPaint(
                        (float) place(),
                        0,
                        back,
                        (float) place(),
                        side,
                        RandomColour.near(back, 40, random)));
        g.fillRect(0, 0, side, side);
        clutter(g, back);
        int count = random.nextInt(LEAST_GLYPHS, MOST_GLYPHS + 1);
        for (int i = 0; i < count; i++) {
            glyph(g, back);
        }
        g.dispose();
        return new AnnotatedImage(withNoise(image), objects);
    }

    private void clutter(Graphics2D g, Color back) {
        int lines = random.nextInt(MOST_LINES + 1);
        for (int i = 0; i < lines; i++) {
            clutter(g, back, new Line2D.Double(place(), place(), place(), place()));
        }
        int curves = random.nextInt(MOST_CURVES + 1);
        for (int i = 0; i < curves; i++) {
            Path2D curve = new Path2D.Double();
            curve.moveTo(place(), place());
            curve.curveTo(place(), place(), place(), place(), place(), place());
            clutter(g, back, curve);
        }
        int spots = random.nextInt(MOST_SPOTS + 1);
        for (int i = 0; i < spots; i++) {
            double size = side * between(0.02, 0.12);
            g.setColor(clutterColour(back));
            g.fill(
                    new Ellipse2D.Double(
                            place() - size / 2,
                            place() - size / 2,
                            size,
                            size * between(0.6, 1.6)));
        }
    }

    private void clutter(Graphics2D g, Color back, Shape line) {
        g.setColor(clutterColour(back));
        g.setStroke(new BasicStroke((float) (side * between(0.008, 0.03))));
        g.draw(line);
    }

    private Color clutterColour(Color back) {
        return random.nextBoolean()
                ? RandomColour.contrasting(back, random)
                : RandomColour.near(back, 60, random);
    }

    private void glyph(Graphics2D g, Color back) {
        double[] circle = freeCircle();
        Glyph glyph = Glyph.values()[random.nextInt(Glyph.values().length)];
        AffineTransform at = new AffineTransform();
        double radius = circle == null ? 1 : circle[2];
        at.rotate(symmetric(MOST_ROTATION));
        at.shear(symmetric(MOST_SHEAR), symmetric(MOST_SHEAR));
        double stretch = Math.exp(symmetric(Math.log(MOST_STRETCH) / 2));
        at.scale(stretch, 1 / stretch);
        float stroke = (float) Math.max(1.5, radius * between(LEAST_STROKE, MOST_STROKE));
        Color ink = RandomColour.contrasting(back, random);
        if (circle == null) {
            return;
        }
        Shape outline = at.createTransformedShape(glyph.outline());
        BasicStroke pen = new BasicStroke(stroke, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND);
        Shape drawn = pen.createStrokedShape(fitted(outline, circle, radius - stroke / 2));
        g.setColor(ink);
        g.fill(drawn);
        Rectangle2D b = drawn.getBounds2D();
        Box box = new Box(b.getMinX(), b.getMinY(), b.getMaxX(), b.getMaxY()).clipped(side, side);
        objects.add(new LabelledBox(box, glyph.ordinal()));
    }

    /** A shape whose bounds are in the middle of a circle, the longer side twice the radius. */
    private static Shape fitted(Shape shape, double[] circle, double radius) {
        Rectangle2D b = shape.getBounds2D();
        double scale = 2 * radius / Math.max(b.getWidth(), b.getHeight());
        AffineTransform at = new AffineTransform();
        at.translate(circle[0], circle[1]);
        at.scale(scale, scale);
        at.translate(-b.getCenterX(), -b.getCenterY());
        return at.createTransformedShape(shape);
    }

    /** Centre and radius within the image, apart from the others; null where there is no room. */
    private double @Nullable [] freeCircle() {
        for (int i = 0; i < TRIES; i++) {
            double radius = side * between(LEAST_RADIUS, MOST_RADIUS);
            double x = between(radius, side - radius);
            double y = between(radius, side - radius);
            boolean free =
                    taken.stream()
                            .allMatch(
                                    c ->
                                            Math.max(Math.abs(c[0] - x), Math.abs(c[1] - y))
                                                    > c[2] + radius);
            if (free) {
                double[] circle = {x, y, radius};
                taken.add(circle);
                return circle;
            }
        }
        return null;
    }

    private Image withNoise(BufferedImage image) {
        double noise = random.nextDouble() * MOST_NOISE;
        byte[] pixels = new byte[3 * side * side];
        for (int p = 0; p < side * side; p++) {
            int rgb = image.getRGB(p % side, p / side);
            for (int c = 0; c < 3; c++) {
                double value = (rgb >> (16 - 8 * c) & 0xFF) + noise * random.nextGaussian();
                pixels[3 * p + c] = (byte) (int) Math.clamp(Math.round(value), 0L, 255L);
            }
        }
        return new Image(side, side, 3, pixels);
    }

    private double place() {
        return random.nextDouble() * side;
    }

    private double between(double least, double most) {
        return least + (most - least) * random.nextDouble();
    }

    private double symmetric(double most) {
        return between(-most, most);
    }
}

package org.densenet4j.data;

import java.awt.Shape;
import java.awt.geom.Arc2D;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Path2D;

/** Ten outlines of our own, drawn in a square from (−1, −1) to (1, 1), y pointing down. */
enum Glyph {
    RING(new Ellipse2D.Double(-0.8, -0.8, 1.6, 1.6)),
    TRIANGLE(path(true, 0, -0.85, 0.85, 0.7, -0.85, 0.7)),
    SQUARE(path(true, -0.75, -0.75, 0.75, -0.75, 0.75, 0.75, -0.75, 0.75)),
    CROSS(joined(path(false, 0, -0.9, 0, 0.9), path(false, -0.9, 0, 0.9, 0))),
    ARROW(joined(path(false, 0, 0.9, 0, -0.85), path(false, -0.6, -0.2, 0, -0.85, 0.6, -0.2))),
    ZIGZAG(path(false, -0.8, -0.75, 0.8, -0.75, -0.8, 0.75, 0.8, 0.75)),
    ARC(new Arc2D.Double(-0.8, -0.8, 1.6, 1.6, 50, 260, Arc2D.OPEN)),
    TEE(joined(path(false, -0.85, -0.8, 0.85, -0.8), path(false, 0, -0.8, 0, 0.9))),
    STAR(star()),
    LADDER(
            joined(
                    path(false, -0.6, -0.9, -0.6, 0.9),
                    path(false, 0.6, -0.9, 0.6, 0.9),
                    path(false, -0.6, 0, 0.6, 0)));

    private final Shape outline;

    Glyph(Shape outline) {
        this.outline = outline;
    }

    Shape outline() {
        return outline;
    }

    private static Path2D path(boolean closed, double... points) {
        Path2D path = new Path2D.Double();
        path.moveTo(points[0], points[1]);
        for (int i = 2; i < points.length; i += 2) {
            path.lineTo(points[i], points[i + 1]);
        }
        if (closed) {
            path.closePath();
        }
        return path;
    }

    private static Path2D joined(Path2D... parts) {
        Path2D path = new Path2D.Double();
        for (Path2D part : parts) {
            path.append(part, false);
        }
        return path;
    }

    private static Path2D star() {
        double[] points = new double[20];
        for (int i = 0; i < 10; i++) {
            double radius = i % 2 == 0 ? 0.95 : 0.4;
            double angle = Math.PI * (i / 5.0 - 0.5);
            points[2 * i] = radius * StrictMath.cos(angle);
            points[2 * i + 1] = radius * StrictMath.sin(angle);
        }
        return path(true, points);
    }
}

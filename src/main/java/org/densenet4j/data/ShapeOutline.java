package org.densenet4j.data;

import java.awt.Shape;
import java.awt.geom.Area;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Path2D;
import java.awt.geom.Rectangle2D;

/** The shapes that generated scenes are made of, in the unit circle, of about the same area. */
enum ShapeOutline {
    DISC(disc(0.72)),
    SQUARE(square()),
    TRIANGLE(polygon(3, 1, 1)),
    RING(ring()),
    CROSS(cross()),
    STAR(polygon(5, 1, 0.5));

    private final Shape outline;

    ShapeOutline(Shape outline) {
        this.outline = outline;
    }

    Shape outline() {
        return outline;
    }

    private static Shape disc(double radius) {
        return new Ellipse2D.Double(-radius, -radius, 2 * radius, 2 * radius);
    }

    private static Shape square() {
        return new Rectangle2D.Double(-0.64, -0.64, 1.28, 1.28);
    }

    private static Shape ring() {
        Area ring = new Area(disc(0.9));
        ring.subtract(new Area(disc(0.5)));
        return new Path2D.Double(ring);
    }

    private static Shape cross() {
        Area cross = new Area(new Rectangle2D.Double(-0.95, -0.27, 1.9, 0.54));
        cross.add(new Area(new Rectangle2D.Double(-0.27, -0.95, 0.54, 1.9)));
        return new Path2D.Double(cross);
    }

    /** Corners on the unit circle and, where {@code inner} is smaller, dents between them. */
    private static Shape polygon(int corners, double outer, double inner) {
        Path2D path = new Path2D.Double();
        int points = inner < outer ? 2 * corners : corners;
        for (int i = 0; i < points; i++) {
            double radius = inner < outer && i % 2 == 1 ? inner : outer;
            double angle = 2 * Math.PI * i / points;
            double x = radius * StrictMath.sin(angle);
            double y = -radius * StrictMath.cos(angle);
            if (i == 0) {
                path.moveTo(x, y);
            } else {
                path.lineTo(x, y);
            }
        }
        path.closePath();
        return path;
    }
}

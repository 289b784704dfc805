package org.densenet4j.data;

/**
 * Turns, shears and shifts images, with the nearest pixel and black outside, as Pillow's {@code
 * Image.transform(AFFINE, NEAREST)} does, in its arithmetic: positions are whole multiples of
 * 2^-16.
 *
 * @param xx what the source's column grows by with a column of the result
 * @param xy what it grows by with a row
 * @param x the source's column at the corner of the result
 * @param yx what the source's row grows by with a column of the result
 * @param yy what it grows by with a row
 * @param y the source's row at the corner of the result
 */
record AffineTransform(double xx, double xy, double x, double yx, double yy, double y) {
    private static final int POINT = 16;

    /** Columns are shifted by a share of their row, from the top left corner. */
    static AffineTransform shearX(double share) {
        return new AffineTransform(1, share, 0, 0, 1, 0);
    }

    /** Rows are shifted by a share of their column, from the top left corner. */
    static AffineTransform shearY(double share) {
        return new AffineTransform(1, 0, 0, share, 1, 0);
    }

    /** To the right and down. */
    static AffineTransform shift(int right, int down) {
        return new AffineTransform(1, 0, -right, 0, 1, -down);
    }

    /** About the middle, counter-clockwise. */
    static AffineTransform rotation(double degrees, int height, int width) {
        double angle = -Math.toRadians(degrees);
        double cos = Math.cos(angle);
        double sin = Math.sin(angle);
        double centreX = width / 2.0;
        double centreY = height / 2.0;
        return new AffineTransform(
                cos,
                sin,
                cos * -centreX + sin * -centreY + centreX,
                -sin,
                cos,
                -sin * -centreX + cos * -centreY + centreY);
    }

    /** The image of the same size. */
    Image apply(Image image) {
        int channels = image.channels();
        byte[] from = image.pixels();
        byte[] out = new byte[from.length];
        int stepXx = fixed(xx);
        int stepXy = fixed(xy);
        int stepYx = fixed(yx);
        int stepYy = fixed(yy);
        int rowX = fixed(x + xx * 0.5 + xy * 0.5);
        int rowY = fixed(y + yx * 0.5 + yy * 0.5);
        int at = 0;
        for (int row = 0; row < image.height(); row++) {
            int sourceX = rowX;
            int sourceY = rowY;
            for (int column = 0; column < image.width(); column++) {
                int px = sourceX >> POINT;
                int py = sourceY >> POINT;
                if (px >= 0 && px < image.width() && py >= 0 && py < image.height()) {
                    int source = (py * image.width() + px) * channels;
                    for (int c = 0; c < channels; c++) {
                        out[at + c] = from[source + c];
                    }
                }
                at += channels;
                sourceX += stepXx;
                sourceY += stepYx;
            }
            rowX += stepXy;
            rowY += stepYy;
        }
        return new Image(image.height(), image.width(), channels, out);
    }

    private static int fixed(double value) {
        return (int) Math.floor(value * (1 << POINT) + 0.5);
    }
}

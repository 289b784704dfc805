package org.densenet4j.data;

import java.util.SplittableRandom;

/**
 * Two colours in a random pattern. Shapes, what lies about and the background are all painted with
 * these, so that a pixel's colour and its neighbourhood's pattern tell nothing of its class.
 *
 * @param kind of pattern
 * @param one colour {@code 0xRRGGBB}
 * @param other colour
 * @param angle of the pattern's axes
 * @param period of the pattern in pixels
 */
record SceneTexture(Kind kind, int one, int other, double angle, double period) {
    private static final int MOST_CHANGE = 80;

    /** How the two colours are mixed. */
    enum Kind {
        PLAIN,
        STRIPES,
        CHECKERS,
        DOTS,
        WAVES
    }

    static SceneTexture random(SplittableRandom random) {
        Kind[] kinds = Kind.values();
        int one = random.nextInt(1 << 24);
        return new SceneTexture(
                kinds[random.nextInt(kinds.length)],
                one,
                near(one, random),
                random.nextDouble() * Math.PI,
                3 + 7 * random.nextDouble());
    }

    /** Another colour that is like it, so that a pattern's edges are weaker than most shapes'. */
    private static int near(int colour, SplittableRandom random) {
        int rgb = 0;
        for (int shift = 16; shift >= 0; shift -= 8) {
            int change = random.nextInt(-MOST_CHANGE, MOST_CHANGE + 1);
            rgb = rgb << 8 | Math.clamp((colour >> shift & 0xFF) + change, 0, 255);
        }
        return rgb;
    }

    /** One channel (0 for red) of the colour of a point, 0 to 255. */
    double at(double x, double y, int channel) {
        double share = share(x, y);
        int shift = 16 - 8 * channel;
        return (1 - share) * (one >> shift & 0xFF) + share * (other >> shift & 0xFF);
    }

    /** Of the other colour. */
    private double share(double x, double y) {
        double cos = StrictMath.cos(angle);
        double sin = StrictMath.sin(angle);
        double u = (x * cos + y * sin) / period;
        double v = (y * cos - x * sin) / period;
        return switch (kind) {
            case PLAIN -> 0;
            case STRIPES -> Math.floorMod((long) Math.floor(2 * u), 2);
            case CHECKERS -> Math.floorMod((long) Math.floor(2 * u) + (long) Math.floor(2 * v), 2);
            case DOTS -> {
                double du = u - Math.rint(u);
                double dv = v - Math.rint(v);
                yield du * du + dv * dv < 0.09 ? 1 : 0;
            }
            case WAVES -> 0.5 + 0.5 * StrictMath.sin(2 * Math.PI * u);
        };
    }
}

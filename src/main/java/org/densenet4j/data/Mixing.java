package org.densenet4j.data;

import java.util.Arrays;
import java.util.random.RandomGenerator;

/**
 * Mixes the images of a batch, each with the one before it, and their labels with them: mixup
 * (Zhang et al. 2018, arXiv 1710.09412) and CutMix (Yun et al. 2019, arXiv 1905.04899), as
 * torchvision's training does them: one share for a batch, {@code λ ~ Beta(α, α)}, and where both
 * are wanted one of them at random.
 *
 * <pre>
 * mixup    x = λ·x[i] + (1 − λ)·x[i−1],  t = λ·t[i] + (1 − λ)·t[i−1]
 * CutMix   a window of (1 − λ) of the area is that of x[i−1]; λ is what is left of x[i]
 * </pre>
 *
 * @param mixup α of mixup, 0 for none
 * @param cutmix α of CutMix, 0 for none
 */
public record Mixing(double mixup, double cutmix) {
    /** Images as they are. */
    public static final Mixing NONE = new Mixing(0, 0);

    private static final double MOST = 1000;

    /**
     * Checks the numbers.
     *
     * @throws IllegalArgumentException in one line when one is negative or too large
     */
    public Mixing {
        check("mixup", mixup);
        check("cutmix", cutmix);
    }

    private static void check(String name, double alpha) {
        if (!(alpha >= 0 && alpha <= MOST)) {
            throw new IllegalArgumentException(
                    name
                            + " = "
                            + alpha
                            + ": use a number above 0, such as 0.2 or 1, or 0 for none");
        }
    }

    /** {@return whether images stay as they are} */
    public boolean isNone() {
        return mixup == 0 && cutmix == 0;
    }

    /**
     * Mixes a batch in place.
     *
     * @param images [count, height, width, channels]
     * @param count images that there are; the arrays may have room for more
     * @param targets [count, outputs]; what is known of one image alone becomes NaN
     */
    void apply(
            float[] images,
            int count,
            int height,
            int width,
            int channels,
            float[] targets,
            int outputs,
            RandomGenerator random) {
        boolean cuts = cutmix > 0 && (mixup == 0 || random.nextDouble() < 0.5);
        double share = beta(cuts ? cutmix : mixup, random);
        if (cuts) {
            Window window = Window.of(share, height, width, random);
            int line = width * channels;
            int from = window.left * channels;
            int floats = (window.right - window.left) * channels;
            int each = height * line;
            float[] last = Arrays.copyOfRange(images, (count - 1) * each, count * each);
            for (int i = count - 1; i >= 0; i--) {
                for (int y = window.top; y < window.bottom; y++) {
                    int at = y * line + from;
                    if (i > 0) {
                        int source = (i - 1) * each + at;
                        System.arraycopy(images, source, images, i * each + at, floats);
                    } else {
                        System.arraycopy(last, at, images, at, floats);
                    }
                }
            }
            share = 1 - (double) window.area() / ((long) height * width);
        } else {
            mix(images, count, height * width * channels, (float) share);
        }
        mix(targets, count, outputs, (float) share);
    }

    /** Each row with the one before it; from the last on, so that the one before is as it was. */
    private static void mix(float[] rows, int count, int each, float share) {
        float[] last = Arrays.copyOfRange(rows, (count - 1) * each, count * each);
        for (int i = count - 1; i >= 0; i--) {
            for (int j = 0; j < each; j++) {
                float before = i > 0 ? rows[(i - 1) * each + j] : last[j];
                rows[i * each + j] = share * rows[i * each + j] + (1 - share) * before;
            }
        }
    }

    /** What CutMix replaces: its middle is anywhere, and what is outside of the image is lost. */
    private record Window(int top, int bottom, int left, int right) {
        static Window of(double share, int height, int width, RandomGenerator random) {
            int x = random.nextInt(width);
            int y = random.nextInt(height);
            double half = 0.5 * Math.sqrt(1 - share);
            int halfWidth = (int) (half * width);
            int halfHeight = (int) (half * height);
            return new Window(
                    Math.max(0, y - halfHeight),
                    Math.min(height, y + halfHeight),
                    Math.max(0, x - halfWidth),
                    Math.min(width, x + halfWidth));
        }

        long area() {
            return (long) (bottom - top) * (right - left);
        }
    }

    /**
     * A draw of Beta(α, α): the share of one of two draws of Gamma(α), which are compared by their
     * logarithms, because both are very small where α is.
     */
    static double beta(double alpha, RandomGenerator random) {
        double one = logGamma(alpha, random);
        double other = logGamma(alpha, random);
        return 1 / (1 + StrictMath.exp(other - one));
    }

    /**
     * The logarithm of a draw of Gamma(α): Marsaglia and Tsang 2000, for α + 1 and brought down to
     * α by a power of a uniform draw (section 6).
     */
    private static double logGamma(double alpha, RandomGenerator random) {
        double d = alpha + 2.0 / 3;
        double c = 1 / StrictMath.sqrt(9 * d);
        while (true) {
            double x = normal(random);
            double v = 1 + c * x;
            if (v <= 0) {
                continue;
            }
            double cubed = v * v * v;
            double u = 1 - random.nextDouble(); // above 0
            if (StrictMath.log(u) < 0.5 * x * x + d - d * cubed + d * StrictMath.log(cubed)) {
                double boost = StrictMath.log(1 - random.nextDouble()) / alpha;
                return StrictMath.log(d * cubed) + boost;
            }
        }
    }

    /** Box and Muller 1958. */
    private static double normal(RandomGenerator random) {
        double radius = StrictMath.sqrt(-2 * StrictMath.log(1 - random.nextDouble()));
        return radius * StrictMath.cos(2 * Math.PI * random.nextDouble());
    }
}

package org.densenet4j.contract;

import org.densenet4j.backend.DepthwiseShape;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Matrix;
import org.densenet4j.random.Philox;
import org.junit.jupiter.api.Test;

/** What depthwise layers need of {@link org.densenet4j.backend.Kernels}. */
abstract class MixerContract extends OpenedDevice {
    /** A few roundings of single precision (2^-24 each). */
    private static final double ELEMENT = 1e-6;

    /** Sums of up to some hundred terms in any order. */
    private static final double SUM = 1e-5;

    private static final int CASES = 16;

    private static DepthwiseShape shape(GuardedArena a) {
        int[] kernels = {1, 3, 5, 7, 9};
        int kernel = kernels[a.random.nextInt(5)];
        // Wide images have tiles between those at the borders.
        return a.random.nextInt(6) == 0
                ? new DepthwiseShape(1 + a.random.nextInt(3), 40 + a.random.nextInt(60), kernel)
                : new DepthwiseShape(1 + a.random.nextInt(9), 1 + a.random.nextInt(9), kernel);
    }

    /** The row that a place of the kernel meets, or −1 outside the image. */
    private static int met(DepthwiseShape s, int row, int tap, int direction) {
        int y = row / s.width() % s.height();
        int x = row % s.width();
        int toY = y + direction * (tap / s.kernel() - s.padding());
        int toX = x + direction * (tap % s.kernel() - s.padding());
        boolean inside = toY >= 0 && toY < s.height() && toX >= 0 && toX < s.width();
        return inside ? row + (toY - y) * s.width() + toX - x : -1;
    }

    /** Enough channels for several vectors, and seldom whole ones. */
    private static int channels(GuardedArena a) {
        return 1 + a.random.nextInt(a.random.nextBoolean() ? 150 : 20);
    }

    @Test
    void aDepthwiseConvolutionHasAKernelForEachChannel() {
        forRandomCases(
                CASES,
                a -> {
                    DepthwiseShape s = shape(a);
                    int images = 1 + a.random.nextInt(2);
                    Matrix x = a.activations(images * s.pixels(), channels(a));
                    Matrix weights = a.normal(s.taps(), x.columns());
                    Matrix bias = a.normal(1, x.columns());
                    Matrix out = a.activationOutput(x.rows(), x.columns());
                    a.upload();
                    a.kernels().depthwise(x, images, s, weights, bias, out);
                    a.expect(
                            out,
                            SUM,
                            (r, c, t) -> {
                                t.add(a.value(bias, 0, c));
                                for (int tap = 0; tap < s.taps(); tap++) {
                                    int from = met(s, r, tap, 1);
                                    if (from >= 0) {
                                        t.add(a.value(weights, tap, c) * a.value(x, from, c));
                                    }
                                }
                            });
                    a.check();
                });
    }

    @Test
    void theGradientOfADepthwiseConvolutionOverwritesOrAdds() {
        forRandomCases(
                CASES,
                a -> {
                    DepthwiseShape s = shape(a);
                    int images = 1 + a.random.nextInt(2);
                    boolean add = a.random.nextBoolean();
                    Matrix gradient = a.activations(images * s.pixels(), channels(a));
                    Matrix weights = a.normal(s.taps(), gradient.columns());
                    Matrix out = a.activations(gradient.rows(), gradient.columns());
                    a.upload();
                    a.kernels().depthwiseGradient(gradient, images, s, weights, add, out);
                    a.expect(
                            out,
                            SUM,
                            (r, c, t) -> {
                                if (add) {
                                    t.add(a.value(out, r, c));
                                }
                                for (int tap = 0; tap < s.taps(); tap++) {
                                    int from = met(s, r, tap, -1);
                                    if (from >= 0) {
                                        double w = a.value(weights, tap, c);
                                        t.add(w * a.value(gradient, from, c));
                                    }
                                }
                            });
                    a.check();
                });
    }

    @Test
    void theGradientOfDepthwiseWeightsIsAdded() {
        forRandomCases(
                CASES,
                a -> {
                    DepthwiseShape s = shape(a);
                    int images = 1 + a.random.nextInt(2);
                    Matrix x = a.activations(images * s.pixels(), channels(a));
                    Matrix gradient = a.activations(x.rows(), x.columns());
                    Matrix sums = a.normal(s.taps(), x.columns());
                    a.upload();
                    a.kernels().addDepthwiseWeightGradient(x, gradient, images, s, sums);
                    a.expect(
                            sums,
                            SUM,
                            (tap, c, t) -> {
                                t.add(a.value(sums, tap, c));
                                for (int r = 0; r < x.rows(); r++) {
                                    int from = met(s, r, tap, 1);
                                    if (from >= 0) {
                                        t.add(a.value(gradient, r, c) * a.value(x, from, c));
                                    }
                                }
                            });
                    a.check();
                });
    }

    @Test
    void rowsBecomeColumns() {
        forRandomCases(
                CASES,
                a -> {
                    boolean add = a.random.nextBoolean();
                    Matrix source = a.normal(a.rows(), 49);
                    Matrix target = a.normal(49, source.rows());
                    a.upload();
                    a.kernels().transpose(source, add, target);
                    a.expect(
                            target,
                            ELEMENT,
                            (r, c, t) -> {
                                t.add(a.value(source, c, r));
                                t.add(add ? a.value(target, r, c) : 0);
                            });
                    a.check();
                });
    }

    // ---------------------------------------------------------------- layer normalisation

    private static double mean(GuardedArena a, Matrix x, int r) {
        double sum = 0;
        for (int c = 0; c < x.columns(); c++) {
            sum += a.value(x, r, c);
        }
        return sum / x.columns();
    }

    private static double inverse(GuardedArena a, Matrix x, int r, double epsilon) {
        double mean = mean(a, x, r);
        double squares = 0;
        for (int c = 0; c < x.columns(); c++) {
            squares += Math.pow(a.value(x, r, c) - mean, 2);
        }
        return 1 / Math.sqrt(squares / x.columns() + epsilon);
    }

    @Test
    void eachRowIsNormalisedByItself() {
        forRandomCases(
                CASES,
                a -> {
                    float epsilon = 0.01f;
                    double shift = 3 * a.random.nextGaussian();
                    Matrix x = a.values(a.activationOutput(a.rows(), channels(a)), g -> g + shift);
                    Matrix gamma = a.normal(1, x.columns());
                    Matrix beta = a.normal(1, x.columns());
                    Matrix statistics = a.output(x.rows(), 2);
                    Matrix out =
                            a.random.nextBoolean() ? x : a.activationOutput(x.rows(), x.columns());
                    a.upload();
                    a.kernels().layerNorm(x, gamma, beta, epsilon, statistics, out);
                    a.expect(
                            statistics,
                            SUM,
                            (r, c, t) -> {
                                double m = mean(a, x, r);
                                t.add(
                                        c == 0 ? m : inverse(a, x, r, epsilon),
                                        Math.abs(m) + inverse(a, x, r, epsilon));
                            });
                    a.expect(
                            out,
                            SUM,
                            (r, c, t) -> {
                                double by = inverse(a, x, r, epsilon) * a.value(gamma, 0, c);
                                double value = a.value(x, r, c);
                                double m = mean(a, x, r);
                                t.add(
                                        (value - m) * by,
                                        (Math.abs(value) + Math.abs(m)) * Math.abs(by));
                                t.add(a.value(beta, 0, c));
                            });
                    a.check();
                });
    }

    @Test
    void theGradientOfALayerNormalisationIsThatOfRowsAndItsSumsThoseOfColumns() {
        forRandomCases(
                CASES,
                a -> {
                    Matrix x = a.activations(a.rows(), channels(a));
                    int channels = x.columns();
                    Matrix gradient = a.activations(x.rows(), channels);
                    Matrix gamma = a.normal(1, channels);
                    Matrix statistics = a.output(x.rows(), 2);
                    for (int r = 0; r < x.rows(); r++) {
                        a.set(statistics, r, 0, mean(a, x, r));
                        a.set(statistics, r, 1, inverse(a, x, r, 0.01));
                    }
                    Matrix sums = a.values(a.denseOutput(2, channels), g -> g);
                    Matrix out =
                            a.random.nextBoolean()
                                    ? gradient
                                    : a.activationOutput(x.rows(), channels);
                    a.upload();
                    a.kernels().layerNormGradient(gradient, x, gamma, statistics, sums, out);
                    a.expect(
                            sums,
                            SUM,
                            (row, c, t) -> {
                                t.add(a.value(sums, row, c));
                                for (int r = 0; r < x.rows(); r++) {
                                    double h = row == 0 ? 1 : normalised(a, x, statistics, r, c);
                                    t.add(a.value(gradient, r, c) * h);
                                }
                            });
                    a.expect(
                            out,
                            SUM,
                            (r, c, t) -> {
                                double by = a.value(statistics, r, 1);
                                double h = normalised(a, x, statistics, r, c);
                                t.add(a.value(gradient, r, c) * a.value(gamma, 0, c));
                                for (int i = 0; i < channels; i++) {
                                    double of = a.value(gradient, r, i) * a.value(gamma, 0, i);
                                    double product = of * normalised(a, x, statistics, r, i);
                                    t.add(-of / channels);
                                    t.add(-h * product / channels);
                                }
                                t.times(by);
                            });
                    a.check();
                });
    }

    private static double normalised(GuardedArena a, Matrix x, Matrix statistics, int r, int c) {
        return (a.value(x, r, c) - a.value(statistics, r, 0)) * a.value(statistics, r, 1);
    }

    // ---------------------------------------------------------------- GELU

    /** Φ, by Simpson's rule over the density: independent of what kernels and references do. */
    private static double distribution(double x) {
        if (Math.abs(x) > 9) {
            return x < 0 ? 0 : 1;
        }
        int n = 300;
        double step = Math.abs(x) / n;
        double sum = 0;
        for (int i = 0; i <= n; i++) {
            int weight = i == 0 || i == n ? 1 : i % 2 == 0 ? 2 : 4;
            sum += weight * density(i * step);
        }
        return 0.5 + Math.signum(x) * sum * step / 3;
    }

    private static double density(double x) {
        return Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
    }

    @Test
    void geluIsTheShareOfTheNormalDistributionBelow() {
        forRandomCases(
                CASES / 4,
                a -> {
                    Matrix x = a.values(a.activationOutput(a.rows(), channels(a)), g -> 2 * g);
                    a.set(x, 0, 0, -30);
                    Matrix out =
                            a.random.nextBoolean() ? x : a.activationOutput(x.rows(), x.columns());
                    a.upload();
                    a.kernels().gelu(x, out);
                    a.expect(
                            out,
                            ELEMENT,
                            (r, c, t) -> {
                                double value = a.value(x, r, c);
                                t.add(value * distribution(value), Math.abs(value));
                            });
                    a.check();
                });
    }

    @Test
    void geluOfWhatIsFarFromZeroIsItselfOrNothing() {
        float[] far = {13, -13, 30, -30, 1e30f, -1e30f, 1e38f, 0f, -0f};
        forRandomCases(
                CASES / 10,
                a -> {
                    Matrix x = a.activations(1, far.length);
                    for (int c = 0; c < far.length; c++) {
                        a.set(x, 0, c, far[c]);
                    }
                    Matrix out = a.activationOutput(1, far.length);
                    a.upload();
                    a.kernels().gelu(x, out);
                    a.expect(
                            out, ELEMENT, (r, c, t) -> t.add(Math.max(0, a.value(x, r, c)), 1e-30));
                    a.check();
                });
    }

    @Test
    void theGradientOfGeluHasTheDensityInIt() {
        forRandomCases(
                CASES / 4,
                a -> {
                    Matrix x = a.values(a.activationOutput(a.rows(), channels(a)), g -> 2 * g);
                    Matrix gradient = a.activations(x.rows(), x.columns());
                    Matrix out =
                            switch (a.random.nextInt(3)) {
                                case 0 -> x;
                                case 1 -> gradient;
                                default -> a.activationOutput(x.rows(), x.columns());
                            };
                    a.upload();
                    a.kernels().geluGradient(gradient, x, out);
                    a.expect(
                            out,
                            ELEMENT,
                            (r, c, t) -> {
                                double value = a.value(x, r, c);
                                double slope = distribution(value) + value * density(value);
                                double g = a.value(gradient, r, c);
                                t.add(g * slope, Math.abs(g) * (1 + Math.abs(value)));
                            });
                    a.check();
                });
    }

    // ---------------------------------------------------------------- numbers of an image and a
    // channel

    private static double gate(double z) {
        return Math.clamp((z + 3) / 6, 0, 1);
    }

    @Test
    void imagesAreScaledByChannelGateAndFactor() {
        forRandomCases(
                CASES,
                a -> {
                    int images = 1 + a.random.nextInt(3);
                    Matrix x = a.activations(images * (1 + a.random.nextInt(30)), channels(a));
                    int channels = x.columns();
                    Matrix scale = a.normal(1, channels);
                    boolean gated = a.random.nextBoolean();
                    boolean meant = a.random.nextBoolean();
                    Matrix logits = a.values(a.output(images, channels), g -> 3 * g);
                    Matrix factors = a.normal(images, 1);
                    Matrix means = a.normal(images, channels);
                    Matrix out =
                            a.random.nextBoolean() ? x : a.activationOutput(x.rows(), channels);
                    a.upload();
                    a.kernels()
                            .scaleImages(
                                    x,
                                    scale,
                                    gated ? logits : null,
                                    factors,
                                    meant ? means : null,
                                    out);
                    int pixels = x.rows() / images;
                    a.expect(
                            out,
                            ELEMENT,
                            (r, c, t) -> {
                                int i = r / pixels;
                                double by = a.value(scale, 0, c) * a.value(factors, i, 0);
                                by *= gated ? gate(a.value(logits, i, c)) : 1;
                                t.add(a.value(x, r, c) * by);
                                t.add(meant ? a.value(means, i, c) / pixels : 0);
                            });
                    a.check();
                });
    }

    @Test
    void productsAreAddedUpImageByImage() {
        forRandomCases(
                CASES,
                a -> {
                    int images = 1 + a.random.nextInt(3);
                    Matrix x = a.activations(images * (1 + a.random.nextInt(60)), channels(a));
                    Matrix y = a.activations(x.rows(), x.columns());
                    Matrix sums = a.output(images, x.columns());
                    a.upload();
                    a.kernels().imageProducts(x, y, sums);
                    int pixels = x.rows() / images;
                    a.expect(
                            sums,
                            SUM,
                            (i, c, t) -> {
                                for (int r = i * pixels; r < (i + 1) * pixels; r++) {
                                    t.add(a.value(x, r, c) * a.value(y, r, c));
                                }
                            });
                    a.check();
                });
    }

    @Test
    void gatesHaveAGradientWhereTheyHaveASlope() {
        forRandomCases(
                CASES,
                a -> {
                    int images = 1 + a.random.nextInt(3);
                    int channels = channels(a);
                    boolean gated = a.random.nextInt(3) > 0;
                    Matrix sums = a.normal(images, channels);
                    Matrix scale = a.normal(1, channels);
                    Matrix logits = a.values(a.output(images, channels), g -> 3 * g);
                    Matrix factors = a.normal(images, 1);
                    Matrix gradient = a.output(images, channels);
                    a.upload();
                    a.kernels()
                            .scaleGradient(
                                    sums,
                                    scale,
                                    gated ? logits : null,
                                    factors,
                                    gated ? gradient : null);
                    if (gated) {
                        a.expect(
                                gradient,
                                ELEMENT,
                                (i, c, t) -> {
                                    boolean slopes = Math.abs(a.value(logits, i, c)) < 3;
                                    double by = a.value(scale, 0, c) * a.value(factors, i, 0);
                                    t.add(slopes ? a.value(sums, i, c) * by / 6 : 0);
                                });
                    }
                    a.expect(
                            sums,
                            ELEMENT,
                            (i, c, t) -> {
                                double by = a.value(factors, i, 0);
                                by *= gated ? gate(a.value(logits, i, c)) : 1;
                                t.add(a.value(sums, i, c) * by);
                            });
                    a.check();
                });
    }

    @Test
    void eachImageIsDroppedByItsOwnDraw() {
        forRandomCases(
                CASES,
                a -> {
                    long seed = a.random.nextLong();
                    int[] step = {a.random.nextInt(), a.random.nextInt()};
                    Matrix counter = a.denseOutput(1, 2);
                    a.integers(counter, i -> step[i]);
                    Matrix factors = a.output(1 + a.random.nextInt(40), 1);
                    int first = a.random.nextInt(100);
                    Dropout dropout = new Dropout(0, seed, counter.offset(), 5, 0.7f);
                    a.upload();
                    a.kernels().dropPath(dropout, first, factors);
                    int[] words = new int[4];
                    a.expect(
                            factors,
                            ELEMENT,
                            (i, c, t) -> {
                                Philox.next(
                                        first + i,
                                        5,
                                        step[0],
                                        step[1],
                                        (int) seed,
                                        (int) (seed >>> 32),
                                        words);
                                double draw = Integer.toUnsignedLong(words[0]) * 0x1p-32;
                                t.add(draw < 1 - 0.7f ? 0 : 1 / 0.7);
                            });
                    a.check();
                });
    }
}

package org.densenet4j.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PoolShape;
import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.List;

/** The pools of {@link org.densenet4j.backend.Kernels} that read values as they are. */
abstract class PoolContract extends OpenedDevice {
    /** A few roundings of single precision (2^-24 each). */
    private static final double ELEMENT = 1e-6;

    private static final int CASES = 48;

    @Test
    void maxPoolTakesTheLargestOfEachWindow() {
        forRandomCases(
                CASES,
                a -> {
                    PoolShape s = shape(a);
                    int images = 1 + a.random.nextInt(3);
                    Matrix x = a.activations(images * s.pixels(), a.channels());
                    Matrix out = a.activationOutput(images * s.outPixels(), x.columns());
                    a.upload();
                    a.kernels().maxPool(x, images, s, out);
                    a.expect(
                            out,
                            0,
                            (r, c, t) -> {
                                double best = Double.NEGATIVE_INFINITY;
                                for (int row : window(s, r)) {
                                    best = Math.max(best, a.value(x, row, c));
                                }
                                t.add(best);
                            });
                    a.check();
                });
    }

    @Test
    void aNanIsTheMaximumOfItsWindows() {
        forRandomCases(
                CASES / 4,
                a -> {
                    PoolShape s = shape(a);
                    Matrix x = a.activations(s.pixels(), a.channels());
                    Matrix out = a.activationOutput(s.outPixels(), x.columns());
                    Matrix wide = a.output(out.rows(), out.columns());
                    int broken = a.random.nextInt(s.pixels());
                    int channel = a.random.nextInt(x.columns());
                    a.set(x, broken, channel, Double.NaN);
                    a.upload();
                    a.kernels().maxPool(x, 1, s, out);
                    a.kernels().copy(out, wide);
                    for (int r = 0; r < out.rows(); r++) {
                        float[] value = new float[1];
                        a.arena().download(wide.row(r).columns(channel, 1), value, 0);
                        assertEquals(window(s, r).contains(broken), Float.isNaN(value[0]));
                    }
                });
    }

    @Test
    void maxPoolGradientGoesToTheFirstMaximumOfEachWindow() {
        forRandomCases(
                CASES,
                a -> {
                    PoolShape s = shape(a);
                    int images = 1 + a.random.nextInt(3);
                    int channels = a.channels();
                    // Small whole numbers, of which some are equal.
                    Matrix x =
                            a.values(
                                    a.activationOutput(images * s.pixels(), channels),
                                    g -> Math.rint(g));
                    Matrix pooled = a.activations(images * s.outPixels(), channels);
                    Matrix out = a.activationOutput(x.rows(), channels);
                    a.upload();
                    a.kernels().maxPoolGradient(pooled, x, images, s, out);
                    Terms[][] expected = terms(out);
                    for (int r = 0; r < pooled.rows(); r++) {
                        for (int c = 0; c < channels; c++) {
                            int first = -1;
                            for (int row : window(s, r)) {
                                if (first < 0 || a.value(x, row, c) > a.value(x, first, c)) {
                                    first = row;
                                }
                            }
                            expected[first][c].add(a.value(pooled, r, c));
                        }
                    }
                    expect(a, out, expected, mostWindows(s));
                    a.check();
                });
    }

    @Test
    void averagePoolIsTheMeanOfEachWindowWithItsPadding() {
        forRandomCases(
                CASES,
                a -> {
                    PoolShape s = shape(a);
                    int images = 1 + a.random.nextInt(3);
                    Matrix x = a.activations(images * s.pixels(), a.channels());
                    Matrix out = pooled(a, images * s.outPixels(), x.columns());
                    a.upload();
                    a.kernels().averagePool(x, images, s, out);
                    a.expect(
                            out,
                            ELEMENT,
                            (r, c, t) -> {
                                for (int row : window(s, r)) {
                                    t.add(a.value(x, row, c) / divisor(s, r));
                                }
                            });
                    a.check();
                });
    }

    @Test
    void averagePoolGradientIsSharedByThePixelsOfEachWindow() {
        forRandomCases(
                CASES,
                a -> {
                    PoolShape s = shape(a);
                    int images = 1 + a.random.nextInt(3);
                    Matrix pooled = pooled(a, images * s.outPixels(), a.channels());
                    a.values(pooled, g -> g);
                    Matrix out = a.activationOutput(images * s.pixels(), pooled.columns());
                    a.upload();
                    a.kernels().averagePoolGradient(pooled, images, s, out);
                    Terms[][] expected = terms(out);
                    for (int r = 0; r < pooled.rows(); r++) {
                        for (int row : window(s, r)) {
                            for (int c = 0; c < out.columns(); c++) {
                                expected[row][c].add(a.value(pooled, r, c) / divisor(s, r));
                            }
                        }
                    }
                    expect(a, out, expected, 1);
                    a.check();
                });
    }

    // ---------------------------------------------------------------- blur

    @Test
    void blurPoolFiltersEverySecondPixelOfTheReflectedImage() {
        forRandomCases(
                CASES / 2,
                a -> {
                    int height = 2 + a.random.nextInt(8);
                    int width = 2 + a.random.nextInt(8);
                    int images = 1 + a.random.nextInt(3);
                    Matrix x = a.activations(images * height * width, a.channels());
                    int outRows = images * ((height + 1) / 2) * ((width + 1) / 2);
                    Matrix out = a.activationOutput(outRows, x.columns());
                    a.upload();
                    a.kernels().blurPool(x, images, height, width, out);
                    Terms[][] expected = terms(out);
                    forEachBlurTap(
                            images,
                            height,
                            width,
                            (r, row, weight) -> {
                                for (int c = 0; c < x.columns(); c++) {
                                    expected[r][c].add(weight * a.value(x, row, c));
                                }
                            });
                    expect(a, out, expected, 1);
                    a.check();
                });
    }

    @Test
    void blurPoolGradientGoesWhereTheFilterReads() {
        forRandomCases(
                CASES / 2,
                a -> {
                    int height = 2 + a.random.nextInt(8);
                    int width = 2 + a.random.nextInt(8);
                    int images = 1 + a.random.nextInt(3);
                    int pooledRows = images * ((height + 1) / 2) * ((width + 1) / 2);
                    Matrix pooled = a.activations(pooledRows, a.channels());
                    Matrix out = a.activationOutput(images * height * width, pooled.columns());
                    a.upload();
                    a.kernels().blurPoolGradient(pooled, images, height, width, out);
                    Terms[][] expected = terms(out);
                    forEachBlurTap(
                            images,
                            height,
                            width,
                            (r, row, weight) -> {
                                for (int c = 0; c < out.columns(); c++) {
                                    expected[row][c].add(weight * a.value(pooled, r, c));
                                }
                            });
                    expect(a, out, expected, 1);
                    a.check();
                });
    }

    @Test
    void aSinglePixelHasNothingToReflect() {
        forRandomCases(
                1,
                a -> {
                    Matrix x = a.activations(5, 3);
                    a.upload();
                    assertThrows(
                            IllegalArgumentException.class,
                            () -> a.kernels().blurPool(x, 1, 1, 5, x));
                    assertThrows(
                            IllegalArgumentException.class,
                            () -> a.kernels().blurPoolGradient(x, 1, 5, 1, x));
                    a.check();
                });
    }

    private interface BlurTap {
        void at(int outRow, int row, double weight);
    }

    /** [1, 2, 1]⊗[1, 2, 1]/16 around each second pixel; what lies outside is reflected. */
    private static void forEachBlurTap(int images, int height, int width, BlurTap tap) {
        int[] binomial = {1, 2, 1};
        int outRow = 0;
        for (int image = 0; image < images; image++) {
            for (int h = 0; h < height; h += 2) {
                for (int w = 0; w < width; w += 2) {
                    for (int i = 0; i < 3; i++) {
                        for (int j = 0; j < 3; j++) {
                            int y = reflected(h + i - 1, height);
                            int x = reflected(w + j - 1, width);
                            int row = (image * height + y) * width + x;
                            tap.at(outRow, row, binomial[i] * binomial[j] / 16.0);
                        }
                    }
                    outRow++;
                }
            }
        }
    }

    private static int reflected(int i, int size) {
        return i < 0 ? -i : Math.min(i, 2 * (size - 1) - i);
    }

    // ---------------------------------------------------------------- shapes and operands

    /** Windows that overlap, touch or leave gaps; one over the whole image now and then. */
    private static PoolShape shape(GuardedArena a) {
        int height = 1 + a.random.nextInt(8);
        int width = 1 + a.random.nextInt(8);
        if (a.random.nextInt(6) == 0) {
            return PoolShape.global(height, width);
        }
        while (true) {
            int kernelHeight = 1 + a.random.nextInt(4);
            int kernelWidth = a.random.nextBoolean() ? kernelHeight : 1 + a.random.nextInt(4);
            int padding = a.random.nextInt(Math.min(kernelHeight, kernelWidth) / 2 + 1);
            if (Math.min(height - kernelHeight, width - kernelWidth) + 2 * padding >= 0) {
                return new PoolShape(
                        height,
                        width,
                        kernelHeight,
                        kernelWidth,
                        1 + a.random.nextInt(3),
                        padding,
                        a.random.nextBoolean());
            }
        }
    }

    /** Means, and their gradients, may be float32 beside images that are not. */
    private static Matrix pooled(GuardedArena a, int rows, int columns) {
        return a.random.nextBoolean() ? a.activationOutput(rows, columns) : a.output(rows, columns);
    }

    // ---------------------------------------------------------------- the reference

    /** Rows of x in the window of a row of the output, in their order. */
    private static List<Integer> window(PoolShape s, int outRow) {
        int image = outRow / s.outPixels();
        int top = top(s, outRow);
        int left = left(s, outRow);
        List<Integer> rows = new ArrayList<>();
        for (int y = top; y < top + s.kernelHeight(); y++) {
            for (int x = left; x < left + s.kernelWidth(); x++) {
                if (y >= 0 && y < s.height() && x >= 0 && x < s.width()) {
                    rows.add((image * s.height() + y) * s.width() + x);
                }
            }
        }
        return rows;
    }

    private static int top(PoolShape s, int outRow) {
        return outRow / s.outWidth() % s.outHeight() * s.stride() - s.padding();
    }

    private static int left(PoolShape s, int outRow) {
        return outRow % s.outWidth() * s.stride() - s.padding();
    }

    /** Elements of the window that lie in the image or in its padding. */
    private static double divisor(PoolShape s, int outRow) {
        int count = 0;
        for (int y = 0; y < s.kernelHeight(); y++) {
            for (int x = 0; x < s.kernelWidth(); x++) {
                if (top(s, outRow) + y < s.height() + s.padding()
                        && left(s, outRow) + x < s.width() + s.padding()) {
                    count++;
                }
            }
        }
        return count;
    }

    private static int mostWindows(PoolShape s) {
        return Math.ceilDiv(s.kernelHeight(), s.stride())
                * Math.ceilDiv(s.kernelWidth(), s.stride());
    }

    private static Terms[][] terms(Matrix out) {
        Terms[][] terms = new Terms[out.rows()][out.columns()];
        for (Terms[] row : terms) {
            for (int c = 0; c < row.length; c++) {
                row[c] = new Terms();
            }
        }
        return terms;
    }

    private static void expect(GuardedArena a, Matrix out, Terms[][] expected, int roundings) {
        a.expect(
                out,
                ELEMENT,
                roundings,
                (r, c, t) -> t.add(expected[r][c].sum(), expected[r][c].magnitude()));
    }
}

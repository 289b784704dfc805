package org.densenet4j.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.AdamCoefficients;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.RmspropCoefficients;
import org.densenet4j.random.Philox;
import org.junit.jupiter.api.Test;

/**
 * Every method of {@link org.densenet4j.backend.Kernels}. Tolerances are shares of the sum of the
 * absolute values of all terms of an element.
 */
abstract class KernelsContract extends OpenedDevice {
    /** A few roundings of single precision (2^-24 each). */
    private static final double ELEMENT = 1e-6;

    /** Sums of up to some hundred terms in any order. */
    private static final double SUM = 1e-5;

    private static final int CASES = 24;

    // ---------------------------------------------------------------- forward, per chunk

    @Test
    void channelStatisticsAreMeanAndSquaredDeviations() {
        forRandomCases(
                CASES,
                a -> {
                    Matrix x = a.activations(a.rows(), a.channels());
                    Matrix partial = a.output(2, x.columns());
                    a.upload();
                    a.kernels().channelStatistics(x, partial);
                    expectStatistics(a, x, partial);
                    a.check();
                });
    }

    @Test
    void channelStatisticsSurviveAMeanOfAHundredDeviations() {
        forRandomCases(
                CASES,
                a -> {
                    Matrix x = a.values(a.activationOutput(a.rows(), a.channels()), g -> 100 + g);
                    Matrix partial = a.output(2, x.columns());
                    a.upload();
                    a.kernels().channelStatistics(x, partial);
                    expectStatistics(a, x, partial);
                    a.check();
                });
    }

    private static void expectStatistics(GuardedArena a, Matrix x, Matrix partial) {
        a.expect(
                partial,
                SUM,
                (row, c, terms) -> {
                    double mean = mean(a, x, c);
                    if (row == 0) {
                        terms.add(mean, largest(a, x, c));
                    } else {
                        // The mean is rounded too: n·(its error)² is added to the sum of squares.
                        double rounding = 1e-6 * largest(a, x, c);
                        terms.add(deviations(a, x, c), 0);
                        terms.add(0, 10 * deviations(a, x, c));
                        terms.add(0, x.rows() * rounding * rounding / SUM);
                    }
                });
    }

    private static double mean(GuardedArena a, Matrix x, int c) {
        double sum = 0;
        for (int r = 0; r < x.rows(); r++) {
            sum += a.value(x, r, c);
        }
        return sum / x.rows();
    }

    /** What a mean's rounding is a share of: sums may be shifted by any of the values. */
    private static double largest(GuardedArena a, Matrix x, int c) {
        double largest = 0;
        for (int r = 0; r < x.rows(); r++) {
            largest = Math.max(largest, Math.abs(a.value(x, r, c)));
        }
        return largest;
    }

    private static double deviations(GuardedArena a, Matrix x, int c) {
        double mean = mean(a, x, c);
        double squares = 0;
        for (int r = 0; r < x.rows(); r++) {
            double d = a.value(x, r, c) - mean;
            squares += d * d;
        }
        return squares;
    }

    @Test
    void normaliseReluScalesShiftsAndCutsOff() {
        forRandomCases(
                CASES,
                a -> {
                    Matrix x = a.activations(a.rows(), a.channels());
                    Matrix affine = a.affine(x.columns());
                    Matrix out = a.activationOutput(x.rows(), x.columns());
                    a.upload();
                    a.kernels().normaliseRelu(x, affine, out);
                    a.expect(out, ELEMENT, (r, c, t) -> a.addRelu(t, 1, x, r, c, affine));
                    a.check();
                });
    }

    @Test
    void appendFeaturesCopiesIntoStridedColumnsAndTakesStatistics() {
        forRandomCases(
                CASES,
                a -> {
                    Matrix y = a.values(a.denseActivationOutput(a.rows(), a.channels()), g -> g);
                    Matrix columns = a.activationOutput(y.rows(), y.columns());
                    Matrix partial = a.output(2, y.columns());
                    a.upload();
                    a.kernels().appendFeatures(y, columns, 77, Dropout.NONE, partial);
                    a.expect(columns, 0, (r, c, t) -> t.add(a.value(y, r, c)));
                    expectStatistics(a, y, partial);
                    a.check();
                });
    }

    @Test
    void appendFeaturesDropsElementsByTheirPositionInTheBatch() {
        forRandomCases(
                CASES,
                a -> {
                    Matrix y = a.values(a.denseActivationOutput(a.rows(), a.channels()), g -> g);
                    Matrix columns = a.activationOutput(y.rows(), y.columns());
                    Matrix partial = a.output(2, y.columns());
                    int firstRow = a.random.nextInt(100_000);
                    Dropout dropout = dropout(a);
                    a.upload();
                    a.kernels().appendFeatures(y, columns, firstRow, dropout, partial);
                    a.expect(
                            columns,
                            ELEMENT,
                            (r, c, t) ->
                                    t.add(
                                            a.value(y, r, c)
                                                    * factor(a, dropout, firstRow + r, c, y)));
                    // Statistics of what was appended: scale the reference's copy in place.
                    for (int r = 0; r < y.rows(); r++) {
                        for (int c = 0; c < y.columns(); c++) {
                            float kept = (float) factor(a, dropout, firstRow + r, c, y);
                            a.set(y, r, c, (float) a.value(y, r, c) * kept);
                        }
                    }
                    expectStatistics(a, y, partial);
                    a.anything(y); // the reference's copy no longer tells what was there
                    a.check();
                });
    }

    /** Lays out a step counter and draws everything else. */
    static Dropout dropout(GuardedArena a) {
        Matrix counter = a.denseOutput(1, 2);
        a.integers(counter, Integer.MAX_VALUE);
        return new Dropout(
                a.random.nextInt(4) == 0 ? 0 : (float) (0.1 + 0.8 * a.random.nextDouble()),
                a.random.nextLong(),
                counter.offset(),
                a.random.nextInt(200),
                a.random.nextBoolean() ? 1 : (float) (0.2 + 0.6 * a.random.nextDouble()));
    }

    /**
     * What {@link Dropout} documents: word e mod 4 of Philox at counter e / 4, against rate·2^32,
     * and word 0 at counter 2^32 − 1 for the whole layer.
     */
    static double factor(GuardedArena a, Dropout d, int row, int column, Matrix x) {
        if (word(a, d, -1) < (long) ((1f - d.survival()) * 4294967296.0)) {
            return 0;
        }
        long element = (long) row * x.columns() + column;
        return word(a, d, element) < (long) (d.rate() * 4294967296.0)
                ? 0
                : 1 / ((1 - (double) d.rate()) * d.survival());
    }

    private static long word(GuardedArena a, Dropout d, long element) {
        int[] words = new int[4];
        Philox.next(
                (int) (element < 0 ? -1 : element / 4),
                d.layer(),
                a.bits(d.counter()),
                a.bits(d.counter() + 4),
                (int) d.seed(),
                (int) (d.seed() >> 32),
                words);
        return words[(int) Math.max(0, element % 4)] & 0xFFFF_FFFFL;
    }

    @Test
    void averagePoolHalvesAndDropsOddEdges() {
        forRandomCases(
                CASES,
                a -> {
                    Images i = Images.random(a);
                    int h = i.height / 2;
                    int w = i.width / 2;
                    Matrix affine = a.affine(a.channels());
                    Matrix x = a.activations(i.rows(), affine.columns());
                    Matrix out = a.activationOutput(Math.max(1, i.count * h * w), x.columns());
                    if (h * w == 0) {
                        return; // a network never pools a single row or column
                    }
                    a.upload();
                    a.kernels()
                            .normaliseReluAveragePool(x, i.count, i.height, i.width, affine, out);
                    expectPooled(a, i, x, affine, out);
                    a.check();
                });
    }

    private static void expectPooled(
            GuardedArena a, Images i, Matrix x, Matrix affine, Matrix out) {
        int h = i.height / 2;
        int w = i.width / 2;
        a.expect(
                out,
                ELEMENT,
                (r, c, t) -> {
                    int image = r / (h * w);
                    int top = 2 * (r / w % h);
                    int left = 2 * (r % w);
                    for (int dy = 0; dy < 2; dy++) {
                        for (int dx = 0; dx < 2; dx++) {
                            int row = i.row(image, top + dy, left + dx);
                            a.addRelu(t, 0.25, x, row, c, affine);
                        }
                    }
                });
    }

    @Test
    void maxPoolTakesThreeByThreeWithPaddingAndRoundsUp() {
        forRandomCases(
                CASES,
                a -> {
                    Images i = Images.random(a);
                    Matrix affine = a.affine(a.channels());
                    Matrix x = a.activations(i.rows(), affine.columns());
                    Matrix out = a.activationOutput(i.pooledRows(), x.columns());
                    a.upload();
                    a.kernels().normaliseReluMaxPool(x, i.count, i.height, i.width, affine, out);
                    a.expect(
                            out,
                            ELEMENT,
                            (r, c, t) -> {
                                double best = 0;
                                double size = 0;
                                for (int row : i.window(r)) {
                                    double product = a.value(x, row, c) * a.value(affine, 0, c);
                                    best = Math.max(best, a.normalised(x, row, c, affine));
                                    size = Math.max(size, Math.abs(product));
                                }
                                t.add(best, size + Math.abs(a.value(affine, 1, c)));
                            });
                    a.check();
                });
    }

    @Test
    void globalPoolIsTheMeanOverPixels() {
        forRandomCases(
                CASES,
                a -> {
                    Images i = Images.random(a);
                    int pixels = i.height * i.width;
                    Matrix affine = a.affine(a.channels());
                    Matrix x = a.activations(i.rows(), affine.columns());
                    Matrix out = a.output(i.count, x.columns());
                    a.upload();
                    a.kernels().normaliseReluGlobalPool(x, i.count, pixels, affine, out);
                    a.expect(
                            out,
                            SUM,
                            (r, c, t) -> {
                                for (int p = 0; p < pixels; p++) {
                                    a.addRelu(t, 1.0 / pixels, x, r * pixels + p, c, affine);
                                }
                            });
                    a.check();
                });
    }

    // ---------------------------------------------------------------- forward, per channel

    @Test
    void finishStatisticsCombinesChunksOfUnequalSize() {
        forRandomCases(
                CASES,
                a -> {
                    int rows = a.rows();
                    int perChunk = 1 + a.random.nextInt(rows);
                    int chunks = Math.ceilDiv(rows, perChunk);
                    Matrix x = a.values(a.output(rows, a.channels()), g -> 3 + g);
                    Matrix partials = a.normal(2 * chunks, x.columns());
                    for (int chunk = 0; chunk < chunks; chunk++) {
                        int first = chunk * perChunk;
                        Matrix part = x.rows(first, Math.min(perChunk, rows - first));
                        for (int c = 0; c < x.columns(); c++) {
                            a.set(partials, 2 * chunk, c, mean(a, part, c));
                            a.set(partials, 2 * chunk + 1, c, deviations(a, part, c));
                        }
                    }
                    Matrix statistics = a.output(3, x.columns());
                    a.upload();
                    a.kernels().finishStatistics(partials, perChunk, rows, 1e-5f, statistics);
                    a.expect(
                            statistics,
                            SUM,
                            (row, c, t) -> {
                                double variance = deviations(a, x, c) / rows;
                                switch (row) {
                                    case 0 -> t.add(mean(a, x, c), largest(a, x, c));
                                    case 1 -> t.add(variance, 10 * variance + 1e-7);
                                    default -> t.add(1 / Math.sqrt(variance + 1e-5));
                                }
                            });
                    a.check();
                });
    }

    @Test
    void runningStatisticsMoveTowardsTheUnbiasedVariance() {
        forRandomCases(
                CASES,
                a -> {
                    int rows = 1 + a.random.nextInt(5);
                    Matrix s = a.statistics(a.channels());
                    Matrix mean = a.normal(1, s.columns());
                    Matrix variance = a.positive(1, s.columns(), 0.1, 2);
                    a.upload();
                    a.kernels().updateRunningStatistics(s, rows, 0.1f, mean, variance);
                    double unbiased = rows == 1 ? 1 : (double) rows / (rows - 1);
                    a.expect(
                            mean,
                            ELEMENT,
                            (r, c, t) ->
                                    t.add(0.9 * a.value(mean, 0, c)).add(0.1 * a.value(s, 0, c)));
                    a.expect(
                            variance,
                            ELEMENT,
                            (r, c, t) ->
                                    t.add(0.9 * a.value(variance, 0, c))
                                            .add(0.1 * unbiased * a.value(s, 1, c)));
                    a.check();
                });
    }

    @Test
    void statisticsOfRunningAddTheInverseDeviation() {
        forRandomCases(
                CASES,
                a -> {
                    Matrix mean = a.normal(1, a.channels());
                    Matrix variance = a.positive(1, mean.columns(), 0, 2);
                    Matrix s = a.output(3, mean.columns());
                    a.upload();
                    a.kernels().statisticsOfRunning(mean, variance, 1e-3f, s);
                    a.expect(
                            s,
                            ELEMENT,
                            (row, c, t) ->
                                    t.add(
                                            switch (row) {
                                                case 0 -> a.value(mean, 0, c);
                                                case 1 -> a.value(variance, 0, c);
                                                default ->
                                                        1
                                                                / Math.sqrt(
                                                                        a.value(variance, 0, c)
                                                                                + 1e-3f);
                                            }));
                    a.check();
                });
    }

    @Test
    void foldNormalisationGivesScaleAndShift() {
        forRandomCases(
                CASES,
                a -> {
                    Matrix s = a.statistics(a.channels());
                    Matrix gamma = a.normal(1, s.columns());
                    Matrix beta = a.normal(1, s.columns());
                    Matrix affine = a.output(2, s.columns());
                    a.upload();
                    a.kernels().foldNormalisation(s, gamma, beta, affine);
                    a.expect(
                            affine,
                            ELEMENT,
                            (row, c, t) -> {
                                double scale = a.value(gamma, 0, c) * a.value(s, 2, c);
                                if (row == 0) {
                                    t.add(scale);
                                } else {
                                    t.add(a.value(beta, 0, c)).add(-a.value(s, 0, c) * scale);
                                }
                            });
                    a.check();
                });
    }

    // ---------------------------------------------------------------- head and loss

    @Test
    void addBiasAddsToEveryRow() {
        forRandomCases(
                CASES,
                a -> {
                    Matrix x = a.activations(a.rows(), a.channels());
                    Matrix bias = a.normal(1, x.columns());
                    a.upload();
                    a.kernels().addBias(x, bias);
                    a.expect(
                            x,
                            ELEMENT,
                            (r, c, t) -> t.add(a.value(x, r, c)).add(a.value(bias, 0, c)));
                    a.check();
                });
    }

    @Test
    void softmaxCrossEntropyGivesLossAndGradient() {
        forRandomCases(CASES, a -> checkCrossEntropy(a, 1, 0));
    }

    @Test
    void amongEqualLogitsTheFirstIsTheAnswer() {
        forRandomCases(CASES, a -> checkCrossEntropy(a, 0, 0));
    }

    @Test
    void softmaxCrossEntropySmoothsLabelsAndSurvivesLargeLogits() {
        forRandomCases(CASES, a -> checkCrossEntropy(a, 80, 0.1));
    }

    private static void checkCrossEntropy(GuardedArena a, double spread, double smoothing) {
        Matrix logits = a.values(a.output(a.rows(), 1 + a.channels()), g -> spread * g);
        int classes = logits.columns();
        Matrix labelWords = a.denseOutput(1, logits.rows());
        int[] labels = a.integers(labelWords, classes);
        Matrix losses = a.output(1, logits.rows());
        Matrix hits = a.output(1, logits.rows());
        Matrix gradient = a.output(logits.rows(), classes);
        double scale = 1.0 / 64;
        a.upload();
        a.arena().uploadInts(labels, labels.length, labelWords.offset());
        a.kernels()
                .softmaxCrossEntropy(
                        logits,
                        labelWords.offset(),
                        (float) smoothing,
                        (float) scale,
                        losses,
                        hits,
                        gradient);
        a.expect(
                losses,
                ELEMENT,
                (row, r, t) -> {
                    double logSum = logSum(a, logits, r);
                    for (int c = 0; c < classes; c++) {
                        double target = target(c, labels[r], classes, smoothing);
                        double loss = target * (logSum - a.value(logits, r, c));
                        t.add(loss, target * (Math.abs(logSum) + Math.abs(loss)));
                    }
                });
        a.expect(hits, 0, (row, r, t) -> t.add(firstLargest(a, logits, r) == labels[r] ? 1 : 0));
        a.expect(
                gradient,
                SUM,
                (r, c, t) ->
                        t.add(Math.exp(a.value(logits, r, c) - logSum(a, logits, r)))
                                .add(-target(c, labels[r], classes, smoothing))
                                .times(scale));
        a.check();
    }

    private static double logSum(GuardedArena a, Matrix logits, int r) {
        double max = Double.NEGATIVE_INFINITY;
        for (int c = 0; c < logits.columns(); c++) {
            max = Math.max(max, a.value(logits, r, c));
        }
        double sum = 0;
        for (int c = 0; c < logits.columns(); c++) {
            sum += Math.exp(a.value(logits, r, c) - max);
        }
        return max + Math.log(sum);
    }

    private static int firstLargest(GuardedArena a, Matrix logits, int r) {
        int best = 0;
        for (int c = 1; c < logits.columns(); c++) {
            if (a.value(logits, r, c) > a.value(logits, r, best)) {
                best = c;
            }
        }
        return best;
    }

    private static double target(int c, int label, int classes, double smoothing) {
        return (c == label ? 1 - smoothing : 0) + smoothing / classes;
    }

    @Test
    void addColumnSumsAddsToWhatIsThere() {
        forRandomCases(CASES, a -> checkColumnSums(a, a.activations(a.rows(), a.channels())));
    }

    @Test
    void addColumnSumsOfManyRows() {
        forRandomCases(
                CASES / 4,
                a -> {
                    int rows = 1000 + a.random.nextInt(1000);
                    checkColumnSums(a, a.activations(rows, a.channels()));
                });
    }

    private static void checkColumnSums(GuardedArena a, Matrix x) {
        Matrix sums = a.normal(1, x.columns());
        a.upload();
        a.kernels().addColumnSums(x, sums);
        a.expect(
                sums,
                SUM,
                (row, c, t) -> {
                    t.add(a.value(sums, 0, c));
                    for (int r = 0; r < x.rows(); r++) {
                        t.add(a.value(x, r, c));
                    }
                });
        a.check();
    }

    // ---------------------------------------------------------------- backward, per chunk

    /** The gradient at (row, column) behind the ReLU. */
    private interface MaskedGradient {
        double at(int row, int column);
    }

    /** Σ g and Σ g·(x − mean). */
    private static void expectSums(
            GuardedArena a, Matrix x, Matrix statistics, Matrix partial, MaskedGradient g) {
        a.expect(
                partial,
                SUM,
                (row, c, t) -> {
                    for (int r = 0; r < x.rows(); r++) {
                        double mean = a.value(statistics, 0, c);
                        double value = a.value(x, r, c);
                        if (row == 0) {
                            t.add(g.at(r, c));
                        } else {
                            t.add(
                                    g.at(r, c) * (value - mean),
                                    Math.abs(g.at(r, c)) * (Math.abs(value) + Math.abs(mean)));
                        }
                    }
                });
    }

    @Test
    void maskReluMasksInPlaceAndSums() {
        forRandomCases(
                CASES,
                a -> {
                    Matrix affine = a.affine(a.channels());
                    Matrix x = a.clearOfKink(a.rows(), affine);
                    Matrix gradient = a.activations(x.rows(), x.columns());
                    Matrix statistics = a.statistics(x.columns());
                    Matrix partial = a.output(2, x.columns());
                    a.upload();
                    a.kernels().maskRelu(gradient, x, affine, statistics, partial);
                    MaskedGradient g = (r, c) -> a.masked(a.value(gradient, r, c), x, r, c, affine);
                    a.expect(gradient, 0, (r, c, t) -> t.add(g.at(r, c)));
                    expectSums(a, x, statistics, partial, g);
                    a.check();
                });
    }

    @Test
    void nothingPassesAReluWhoseInputIsExactlyZero() {
        forRandomCases(
                2,
                a -> {
                    int channels = a.channels();
                    Matrix affine = a.values(a.output(2, channels), g -> 0);
                    Matrix x = a.activations(5, channels);
                    Matrix gradient = a.activations(5, channels);
                    Matrix statistics = a.statistics(channels);
                    Matrix partial = a.output(2, channels);
                    a.upload();
                    a.kernels().maskRelu(gradient, x, affine, statistics, partial);
                    a.expect(gradient, 0, (r, c, t) -> t.add(0));
                    a.expect(partial, 0, (r, c, t) -> t.add(0));
                    a.check();
                });
    }

    private static void correction(
            GuardedArena a,
            Matrix gradient,
            Matrix x,
            Matrix correction,
            Matrix statistics,
            int r,
            int c,
            Terms t) {
        double mean = a.value(statistics, 0, c);
        double value = a.value(x, r, c);
        double slope = a.value(correction, 2, c);
        t.add(a.value(correction, 0, c) * a.value(gradient, r, c))
                .add(a.value(correction, 1, c))
                .add(slope * (value - mean), Math.abs(slope) * (Math.abs(value) + Math.abs(mean)));
    }

    @Test
    void applyCorrectionOverwritesOrAdds() {
        forRandomCases(
                CASES,
                a -> {
                    boolean add = a.random.nextBoolean();
                    Matrix x = a.activations(a.rows(), a.channels());
                    Matrix gradient = a.activations(x.rows(), x.columns());
                    Matrix correction = a.normal(3, x.columns());
                    Matrix statistics = a.statistics(x.columns());
                    Matrix out =
                            add
                                    ? a.activations(x.rows(), x.columns())
                                    : a.activationOutput(x.rows(), x.columns());
                    a.upload();
                    a.kernels().applyCorrection(gradient, x, correction, statistics, add, out);
                    a.expect(
                            out,
                            ELEMENT,
                            (r, c, t) -> {
                                correction(a, gradient, x, correction, statistics, r, c, t);
                                if (add) {
                                    t.add(a.value(out, r, c));
                                }
                            });
                    a.check();
                });
    }

    @Test
    void gradientOfAppendedDropsWhatTheForwardPassDropped() {
        forRandomCases(
                CASES,
                a -> {
                    boolean dropping = a.random.nextInt(3) > 0;
                    Dropout dropout = dropping ? dropout(a) : Dropout.NONE;
                    int firstRow = a.random.nextInt(100_000);
                    Matrix columns = a.activations(a.rows(), a.channels());
                    Matrix gradient = a.activations(columns.rows(), columns.columns());
                    Matrix correction = a.normal(3, columns.columns());
                    Matrix statistics = a.statistics(columns.columns());
                    Matrix out = a.denseActivationOutput(columns.rows(), columns.columns());
                    a.upload();
                    a.kernels()
                            .gradientOfAppended(
                                    gradient,
                                    columns,
                                    correction,
                                    statistics,
                                    firstRow,
                                    dropout,
                                    out);
                    a.expect(
                            out,
                            2 * ELEMENT,
                            2, // corrected, then dropped
                            (r, c, t) -> {
                                correction(a, gradient, columns, correction, statistics, r, c, t);
                                if (dropping) {
                                    t.times(factor(a, dropout, firstRow + r, c, out));
                                }
                            });
                    a.check();
                });
    }

    @Test
    void accumulateGradientSumsAndAddsOrOverwrites() {
        forRandomCases(
                2 * CASES,
                a -> {
                    boolean add = a.random.nextBoolean();
                    Matrix affine = a.affine(a.channels());
                    Matrix x = a.clearOfKink(a.rows(), affine);
                    Matrix gradient = a.activations(x.rows(), x.columns());
                    Matrix statistics = a.statistics(x.columns());
                    Matrix weight = a.normal(1, x.columns());
                    Matrix block =
                            add
                                    ? a.activations(x.rows(), x.columns())
                                    : a.activationOutput(x.rows(), x.columns());
                    Matrix partial = a.output(2, x.columns());
                    a.upload();
                    a.kernels()
                            .accumulateGradient(
                                    gradient, x, affine, statistics, weight, add, block, partial);
                    MaskedGradient g = (r, c) -> a.masked(a.value(gradient, r, c), x, r, c, affine);
                    a.expect(
                            block,
                            ELEMENT,
                            (r, c, t) -> {
                                t.add(a.value(weight, 0, c) * g.at(r, c));
                                if (add) {
                                    t.add(a.value(block, r, c));
                                }
                            });
                    expectSums(a, x, statistics, partial, g);
                    a.check();
                });
    }

    @Test
    void gradientBehindAnAveragePoolIsAQuarterAndZeroOnOddEdges() {
        checkGradientBehindAnAveragePool(false);
    }

    @Test
    void pooledValuesAreMadeAgainWithTheGradientBehindThePool() {
        checkGradientBehindAnAveragePool(true);
    }

    private void checkGradientBehindAnAveragePool(boolean poolsAgain) {
        forRandomCases(
                2 * CASES,
                a -> {
                    boolean add = a.random.nextBoolean();
                    Images i = Images.random(a);
                    int h = i.height / 2;
                    int w = i.width / 2;
                    if (h * w == 0) {
                        return; // a network never pools a single row or column
                    }
                    Matrix affine = a.affine(a.channels());
                    Matrix x = a.clearOfKink(i.rows(), affine);
                    Matrix pooled = a.activations(i.count * h * w, x.columns());
                    Matrix statistics = a.statistics(x.columns());
                    Matrix weight = a.normal(1, x.columns());
                    Matrix block =
                            add
                                    ? a.activations(x.rows(), x.columns())
                                    : a.activationOutput(x.rows(), x.columns());
                    Matrix partial = a.output(2, x.columns());
                    Matrix again = a.activationOutput(pooled.rows(), x.columns());
                    a.upload();
                    Kernels kernels = a.kernels();
                    if (poolsAgain) {
                        kernels.accumulateGradientAndAveragePool(
                                pooled,
                                x,
                                i.count,
                                i.height,
                                i.width,
                                affine,
                                statistics,
                                weight,
                                add,
                                block,
                                partial,
                                again);
                    } else {
                        kernels.accumulateGradientAveragePool(
                                pooled,
                                x,
                                i.count,
                                i.height,
                                i.width,
                                affine,
                                statistics,
                                weight,
                                add,
                                block,
                                partial);
                    }
                    MaskedGradient g =
                            (r, c) -> {
                                int y = r / i.width % i.height / 2;
                                int z = r % i.width / 2;
                                if (y >= h || z >= w) {
                                    return 0;
                                }
                                int image = r / (i.width * i.height);
                                double mine = a.value(pooled, (image * h + y) * w + z, c);
                                return a.masked(0.25 * mine, x, r, c, affine);
                            };
                    a.expect(
                            block,
                            ELEMENT,
                            (r, c, t) -> {
                                t.add(a.value(weight, 0, c) * g.at(r, c));
                                if (add) {
                                    t.add(a.value(block, r, c));
                                }
                            });
                    if (poolsAgain) {
                        expectPooled(a, i, x, affine, again);
                    } else {
                        a.anything(again);
                    }
                    expectSums(a, x, statistics, partial, g);
                    a.check();
                });
    }

    @Test
    void gradientBehindAGlobalPoolIsSharedByAllPixels() {
        forRandomCases(
                2 * CASES,
                a -> {
                    boolean add = a.random.nextBoolean();
                    Images i = Images.random(a);
                    int pixels = i.height * i.width;
                    Matrix affine = a.affine(a.channels());
                    Matrix x = a.clearOfKink(i.rows(), affine);
                    Matrix pooled = a.normal(i.count, x.columns());
                    Matrix statistics = a.statistics(x.columns());
                    Matrix weight = a.normal(1, x.columns());
                    Matrix block =
                            add
                                    ? a.activations(x.rows(), x.columns())
                                    : a.activationOutput(x.rows(), x.columns());
                    Matrix partial = a.output(2, x.columns());
                    a.upload();
                    a.kernels()
                            .accumulateGradientGlobalPool(
                                    pooled,
                                    x,
                                    i.count,
                                    pixels,
                                    affine,
                                    statistics,
                                    weight,
                                    add,
                                    block,
                                    partial);
                    MaskedGradient g =
                            (r, c) ->
                                    a.masked(
                                            a.value(pooled, r / pixels, c) / pixels,
                                            x,
                                            r,
                                            c,
                                            affine);
                    a.expect(
                            block,
                            ELEMENT,
                            (r, c, t) -> {
                                t.add(a.value(weight, 0, c) * g.at(r, c));
                                if (add) {
                                    t.add(a.value(block, r, c));
                                }
                            });
                    expectSums(a, x, statistics, partial, g);
                    a.check();
                });
    }

    @Test
    void maxPoolBackwardSendsEachGradientToItsFirstMaximum() {
        forRandomCases(
                CASES,
                a -> {
                    Images i = Images.random(a);
                    int channels = a.channels();
                    // Small whole numbers: exact in every order, and ties are common.
                    Matrix x =
                            a.values(a.activationOutput(i.rows(), channels), g -> Math.rint(2 * g));
                    Matrix affine = a.values(a.output(2, channels), g -> g > 0 ? 1 : -1);
                    Matrix pooled = a.activations(i.pooledRows(), channels);
                    Matrix out = a.activationOutput(i.rows(), channels);
                    a.upload();
                    a.kernels().maxPoolBackward(pooled, x, i.count, i.height, i.width, affine, out);
                    a.expect(
                            out,
                            ELEMENT,
                            4, // windows that a pixel can be the maximum of
                            (r, c, t) -> {
                                for (int p = 0; p < i.pooledRows(); p++) {
                                    if (firstMaximum(a, i.window(p), x, c, affine) == r) {
                                        t.add(a.value(pooled, p, c));
                                    }
                                }
                            });
                    a.check();
                });
    }

    /** An image's pixels behind a pool, and what a case of them has. */
    private static final class MaxPoolCase {
        final GuardedArena a;
        final Images i;
        final Matrix x;
        final Matrix affine;
        final Matrix statistics;
        final Matrix pooled;
        final Matrix out;

        /** Small whole numbers: exact in every order, and ties are common. */
        MaxPoolCase(GuardedArena a) {
            this.a = a;
            i = Images.random(a);
            int channels = a.channels();
            x = a.values(a.activationOutput(i.rows(), channels), g -> Math.rint(2 * g));
            affine = a.values(a.output(2, channels), g -> g > 0 ? 1 : -1);
            statistics = a.statistics(channels);
            pooled = a.values(a.activationOutput(i.pooledRows(), channels), g -> Math.rint(3 * g));
            out = a.activationOutput(i.rows(), channels);
        }

        /** The gradient that the pool sends to a pixel. */
        double gradient(int row, int c) {
            double sum = 0;
            for (int p = 0; p < i.pooledRows(); p++) {
                if (firstMaximum(a, i.window(p), x, c, affine) == row) {
                    sum += a.value(pooled, p, c);
                }
            }
            return sum;
        }

        /** Adds a factor times x − mean. */
        void addDeviation(Terms t, int row, int c, double factor) {
            double mean = a.value(statistics, 0, c);
            double value = a.value(x, row, c);
            t.add(factor * (value - mean), Math.abs(factor) * (Math.abs(value) + Math.abs(mean)));
        }
    }

    @Test
    void theSumsOfAMaxPoolsGradientAreThoseOfWhatItSends() {
        forRandomCases(
                CASES,
                a -> {
                    MaxPoolCase m = new MaxPoolCase(a);
                    Matrix partial = a.output(2, m.x.columns());
                    a.anything(m.out);
                    a.upload();
                    a.kernels()
                            .sumMaxPoolGradient(
                                    m.pooled,
                                    m.x,
                                    m.i.count,
                                    m.i.height,
                                    m.i.width,
                                    m.affine,
                                    m.statistics,
                                    m.out,
                                    partial);
                    a.expect(
                            partial,
                            SUM,
                            m.i.rows(),
                            (which, c, t) -> {
                                for (int row = 0; row < m.i.rows(); row++) {
                                    double gradient = m.gradient(row, c);
                                    if (which == 0) {
                                        t.add(gradient);
                                    } else {
                                        m.addDeviation(t, row, c, gradient);
                                    }
                                }
                            });
                    a.check();
                });
    }

    @Test
    void aMaxPoolsGradientIsCorrectedAsABatchNormsIs() {
        forRandomCases(
                CASES,
                a -> {
                    MaxPoolCase m = new MaxPoolCase(a);
                    Matrix correction = a.normal(3, m.x.columns());
                    a.upload();
                    a.kernels()
                            .correctedMaxPoolGradient(
                                    m.pooled,
                                    m.x,
                                    m.i.count,
                                    m.i.height,
                                    m.i.width,
                                    m.affine,
                                    m.statistics,
                                    correction,
                                    m.out);
                    a.expect(
                            m.out,
                            ELEMENT,
                            3,
                            (r, c, t) -> {
                                t.add(a.value(correction, 0, c) * m.gradient(r, c));
                                t.add(a.value(correction, 1, c));
                                m.addDeviation(t, r, c, a.value(correction, 2, c));
                            });
                    a.check();
                });
    }

    private static int firstMaximum(GuardedArena a, int[] window, Matrix x, int c, Matrix affine) {
        double best = 0;
        int first = -1;
        for (int row : window) {
            if (a.normalised(x, row, c, affine) > best) {
                best = a.normalised(x, row, c, affine);
                first = row;
            }
        }
        return first;
    }

    // ---------------------------------------------------------------- backward, per channel

    @Test
    void finishNormGradientSumsChunksAndAddsToTheParameterGradients() {
        forRandomCases(
                CASES,
                a -> {
                    int chunks = 1 + a.random.nextInt(20);
                    Matrix statistics = a.statistics(a.channels());
                    Matrix partials = a.normal(2 * chunks, statistics.columns());
                    Matrix sums = a.output(2, statistics.columns());
                    Matrix gamma = a.normal(1, statistics.columns());
                    Matrix beta = a.normal(1, statistics.columns());
                    a.upload();
                    a.kernels().finishNormGradient(partials, chunks, statistics, sums, gamma, beta);
                    GuardedArena.Cell sum =
                            (row, c, t) -> {
                                double factor = row == 0 ? 1 : a.value(statistics, 2, c);
                                for (int chunk = 0; chunk < chunks; chunk++) {
                                    t.add(factor * a.value(partials, 2 * chunk + row, c));
                                }
                            };
                    a.expect(sums, SUM, sum);
                    a.expect(
                            gamma,
                            SUM,
                            (row, c, t) -> {
                                t.add(a.value(gamma, 0, c));
                                sum.at(1, c, t);
                            });
                    a.expect(
                            beta,
                            SUM,
                            (row, c, t) -> {
                                t.add(a.value(beta, 0, c));
                                sum.at(0, c, t);
                            });
                    a.check();
                });
    }

    @Test
    void normCorrectionHasNoMeanAndVariancePartWhenFrozen() {
        forRandomCases(
                CASES,
                a -> {
                    boolean frozen = a.random.nextBoolean();
                    int rows = a.rows();
                    Matrix statistics = a.statistics(a.channels());
                    Matrix sums = a.normal(2, statistics.columns());
                    Matrix gamma = a.normal(1, statistics.columns());
                    Matrix correction = a.output(3, statistics.columns());
                    a.upload();
                    a.kernels().normCorrection(sums, statistics, gamma, rows, frozen, correction);
                    a.expect(
                            correction,
                            ELEMENT,
                            (row, c, t) -> {
                                double inverse = a.value(statistics, 2, c);
                                double scale = a.value(gamma, 0, c) * inverse;
                                t.add(
                                        switch (row) {
                                            case 0 -> scale;
                                            case 1 -> -scale * a.value(sums, 0, c) / rows;
                                            default ->
                                                    -scale * inverse * a.value(sums, 1, c) / rows;
                                        });
                                if (frozen && row > 0) {
                                    t.times(0);
                                }
                            });
                    a.check();
                });
    }

    @Test
    void deferSumsOverwritesForTheLastConsumerAndAddsForTheOthers() {
        forRandomCases(
                CASES,
                a -> {
                    boolean add = a.random.nextBoolean();
                    Matrix sums = a.normal(2, a.channels());
                    Matrix weight = a.normal(1, sums.columns());
                    Matrix deferred =
                            add ? a.normal(2, sums.columns()) : a.output(2, sums.columns());
                    a.upload();
                    a.kernels().deferSums(sums, weight, add, deferred);
                    a.expect(
                            deferred,
                            ELEMENT,
                            (row, c, t) -> {
                                t.add(a.value(weight, 0, c) * a.value(sums, row, c));
                                if (add) {
                                    t.add(a.value(deferred, row, c));
                                }
                            });
                    a.check();
                });
    }

    @Test
    void deferredCorrectionIsThatOfAllConsumersTogether() {
        forRandomCases(
                CASES,
                a -> {
                    boolean frozen = a.random.nextBoolean();
                    int rows = a.rows();
                    Matrix statistics = a.statistics(a.channels());
                    Matrix deferred = a.normal(2, statistics.columns());
                    Matrix correction = a.output(3, statistics.columns());
                    a.upload();
                    a.kernels().deferredCorrection(deferred, statistics, rows, frozen, correction);
                    a.expect(
                            correction,
                            ELEMENT,
                            (row, c, t) -> {
                                double s = a.value(statistics, 2, c);
                                if (frozen) {
                                    t.add(row == 0 ? 1 : 0);
                                    return;
                                }
                                t.add(
                                        switch (row) {
                                            case 0 -> 1;
                                            case 1 -> -a.value(deferred, 0, c) / rows;
                                            default -> -s * a.value(deferred, 1, c) / rows;
                                        });
                            });
                    a.check();
                });
    }

    @Test
    void gradientWeightIsGammaOverSigma() {
        forRandomCases(
                CASES,
                a -> {
                    Matrix statistics = a.statistics(a.channels());
                    Matrix gamma = a.normal(1, statistics.columns());
                    Matrix weight = a.output(1, statistics.columns());
                    a.upload();
                    a.kernels().gradientWeight(statistics, gamma, weight);
                    a.expect(
                            weight,
                            ELEMENT,
                            (row, c, t) -> t.add(a.value(gamma, 0, c) * a.value(statistics, 2, c)));
                    a.check();
                });
    }

    // ---------------------------------------------------------------- optimiser and copies

    @Test
    void sgdIsThatOfPyTorch() {
        forRandomCases(
                2 * CASES,
                a -> {
                    boolean nesterov = a.random.nextBoolean();
                    double rate = (float) 0.1;
                    double momentum = (float) 0.9;
                    double share = nesterov ? 1 : (float) 0.7; // dampening
                    double decay = (float) 1e-2;
                    double scale = 0.5;
                    Matrix p = a.normal(1, a.channels());
                    Matrix gradients = a.normal(1, p.columns());
                    Matrix velocity = a.normal(1, p.columns());
                    a.upload();
                    a.kernels()
                            .sgd(
                                    p,
                                    gradients,
                                    velocity,
                                    (float) rate,
                                    (float) momentum,
                                    (float) share,
                                    nesterov,
                                    (float) decay,
                                    (float) scale);
                    GuardedArena.Cell newVelocity =
                            (r, c, t) -> {
                                t.add(share * scale * a.value(gradients, r, c));
                                t.add(share * decay * a.value(p, r, c));
                                t.add(momentum * a.value(velocity, r, c));
                            };
                    a.expect(velocity, ELEMENT, newVelocity);
                    a.expect(
                            p,
                            ELEMENT,
                            (r, c, t) -> {
                                newVelocity.at(r, c, t);
                                if (nesterov) {
                                    t.times(momentum);
                                    t.add(scale * a.value(gradients, r, c));
                                    t.add(decay * a.value(p, r, c));
                                }
                                t.times(-rate).add(a.value(p, r, c));
                            });
                    a.check();
                });
    }

    @Test
    void rmspropIsThatOfPyTorchOrHasEpsilonBelowTheRoot() {
        forRandomCases(
                4 * CASES,
                a -> {
                    boolean inside = a.random.nextBoolean();
                    boolean centred = a.random.nextBoolean();
                    boolean withMomentum = a.random.nextBoolean();
                    double rate = (float) 0.1;
                    double rho = (float) 0.9;
                    double momentum = (float) 0.8;
                    double decay = (float) 1e-2;
                    double scale = 0.5;
                    // Large enough that it matters where it stands.
                    double epsilon = (float) 0.05;
                    Matrix p = a.normal(1, a.channels());
                    Matrix gradients = a.normal(1, p.columns());
                    Matrix squares = a.positive(1, p.columns(), 0.5, 1);
                    Matrix means = a.values(a.output(1, p.columns()), g -> 0.1 * g);
                    Matrix velocity = a.normal(1, p.columns());
                    a.upload();
                    a.kernels()
                            .rmsprop(
                                    p,
                                    gradients,
                                    squares,
                                    centred ? means : null,
                                    withMomentum ? velocity : null,
                                    new RmspropCoefficients(
                                            (float) rate,
                                            (float) rho,
                                            (float) epsilon,
                                            inside,
                                            (float) momentum,
                                            (float) decay,
                                            (float) scale));
                    GuardedArena.Cell gradient =
                            (r, c, t) -> {
                                t.add(scale * a.value(gradients, r, c));
                                t.add(decay * a.value(p, r, c));
                            };
                    GuardedArena.Cell square =
                            (r, c, t) -> {
                                Terms g = new Terms();
                                gradient.at(r, c, g);
                                t.add(
                                        (1 - rho) * g.sum() * g.sum(),
                                        (1 - rho) * g.magnitude() * g.magnitude());
                                t.add(rho * a.value(squares, r, c));
                            };
                    GuardedArena.Cell mean =
                            (r, c, t) -> {
                                gradient.at(r, c, t);
                                t.times(1 - rho).add(rho * a.value(means, r, c));
                            };
                    GuardedArena.Cell direction =
                            (r, c, t) -> {
                                Terms s = new Terms();
                                square.at(r, c, s);
                                Terms m = new Terms();
                                mean.at(r, c, m);
                                double power = s.sum() - (centred ? m.sum() * m.sum() : 0);
                                gradient.at(r, c, t);
                                t.times(
                                        1
                                                / (inside
                                                        ? Math.sqrt(power + epsilon)
                                                        : Math.sqrt(power) + epsilon));
                                if (withMomentum) {
                                    t.add(momentum * a.value(velocity, r, c));
                                }
                            };
                    a.expect(squares, ELEMENT, square);
                    a.expect(
                            means,
                            ELEMENT,
                            centred ? mean : (r, c, t) -> t.add(a.value(means, r, c)));
                    a.expect(
                            velocity,
                            2 * ELEMENT,
                            withMomentum ? direction : (r, c, t) -> t.add(a.value(velocity, r, c)));
                    a.expect(
                            p,
                            2 * ELEMENT,
                            (r, c, t) -> {
                                direction.at(r, c, t);
                                t.times(-rate).add(a.value(p, r, c));
                            });
                    a.check();
                });
    }

    @Test
    void rmspropLeavesAloneWhatHasNoGradient() {
        forRandomCases(
                2,
                a -> {
                    Matrix p = a.normal(1, a.channels());
                    Matrix gradients = a.values(a.output(1, p.columns()), g -> 0);
                    Matrix squares = a.values(a.output(1, p.columns()), g -> 0);
                    a.upload();
                    a.kernels()
                            .rmsprop(
                                    p,
                                    gradients,
                                    squares,
                                    null,
                                    null,
                                    new RmspropCoefficients(1, 0.9f, 1e-8f, false, 0, 0, 1));
                    a.expect(p, 0, (r, c, t) -> t.add(a.value(p, r, c)));
                    a.expect(squares, 0, (r, c, t) -> t.add(0));
                    a.check();
                });
    }

    @Test
    void centredRmspropTakesARoundedVarianceBelowZeroForNone() {
        forRandomCases(
                2,
                a -> {
                    // The mean is larger than squares say: what rounding may leave of a constant.
                    Matrix p = a.values(a.output(1, a.channels()), g -> 1);
                    Matrix gradients = a.values(a.output(1, p.columns()), g -> 1);
                    Matrix squares = a.values(a.output(1, p.columns()), g -> 1);
                    Matrix means = a.values(a.output(1, p.columns()), g -> 2);
                    a.upload();
                    a.kernels()
                            .rmsprop(
                                    p,
                                    gradients,
                                    squares,
                                    means,
                                    null,
                                    new RmspropCoefficients(0.5f, 0.5f, 2, false, 0, 0, 1));
                    a.expect(p, ELEMENT, (r, c, t) -> t.add(0.75));
                    a.expect(squares, ELEMENT, (r, c, t) -> t.add(1));
                    a.expect(means, ELEMENT, (r, c, t) -> t.add(1.5));
                    a.check();
                });
    }

    @Test
    void adamDividesByTheRootOfTheMeanSquareOrOfTheLargest() {
        forRandomCases(
                4 * CASES,
                a -> {
                    boolean amsgrad = a.random.nextBoolean();
                    double rate = (float) 0.1;
                    double beta1 = (float) 0.8;
                    double share1 = (float) 0.2;
                    double beta2 = (float) 0.9;
                    double share2 = (float) 0.1;
                    double rootScale = 2;
                    double epsilon = (float) 0.05;
                    double decay = (float) 1e-2;
                    double keep = (float) 0.99;
                    double scale = 0.5;
                    Matrix p = a.normal(1, a.channels());
                    Matrix gradients = a.normal(1, p.columns());
                    Matrix means = a.normal(1, p.columns());
                    Matrix squares = a.positive(1, p.columns(), 0.1, 0.5);
                    Matrix largest = a.positive(1, p.columns(), 0.1, 0.5);
                    a.upload();
                    a.kernels()
                            .adam(
                                    p,
                                    gradients,
                                    means,
                                    squares,
                                    amsgrad ? largest : null,
                                    new AdamCoefficients(
                                            (float) rate,
                                            (float) beta1,
                                            (float) share1,
                                            (float) beta2,
                                            (float) share2,
                                            (float) rootScale,
                                            (float) epsilon,
                                            (float) decay,
                                            (float) keep,
                                            (float) scale));
                    GuardedArena.Cell gradient =
                            (r, c, t) -> {
                                t.add(scale * a.value(gradients, r, c));
                                t.add(decay * a.value(p, r, c));
                            };
                    GuardedArena.Cell mean =
                            (r, c, t) -> {
                                gradient.at(r, c, t);
                                t.times(share1).add(beta1 * a.value(means, r, c));
                            };
                    GuardedArena.Cell square =
                            (r, c, t) -> {
                                Terms g = new Terms();
                                gradient.at(r, c, g);
                                t.add(
                                        share2 * g.sum() * g.sum(),
                                        share2 * g.magnitude() * g.magnitude());
                                t.add(beta2 * a.value(squares, r, c));
                            };
                    GuardedArena.Cell divisor =
                            (r, c, t) -> {
                                square.at(r, c, t);
                                double before = a.value(largest, r, c);
                                if (amsgrad && before > t.sum()) {
                                    t.times(0).add(before);
                                }
                            };
                    a.expect(means, ELEMENT, mean);
                    a.expect(squares, ELEMENT, square);
                    a.expect(
                            largest,
                            ELEMENT,
                            amsgrad ? divisor : (r, c, t) -> t.add(a.value(largest, r, c)));
                    a.expect(
                            p,
                            2 * ELEMENT,
                            (r, c, t) -> {
                                Terms s = new Terms();
                                divisor.at(r, c, s);
                                mean.at(r, c, t);
                                t.times(-rate / (rootScale * Math.sqrt(s.sum()) + epsilon))
                                        .add(keep * a.value(p, r, c));
                            });
                    a.check();
                });
    }

    @Test
    void aMovingAverageGoesAShareOfTheWay() {
        forRandomCases(
                CASES,
                a -> {
                    double share = (float) 0.01;
                    Matrix values = a.normal(1, a.channels());
                    Matrix average = a.normal(1, values.columns());
                    a.upload();
                    a.kernels().movingAverage(values, average, (float) share);
                    a.expect(
                            average,
                            ELEMENT,
                            (r, c, t) -> {
                                t.add(share * a.value(values, r, c));
                                t.add((1 - share) * a.value(average, r, c));
                            });
                    a.check();
                });
    }

    @Test
    void aMaskMultipliesElementByElement() {
        forRandomCases(
                CASES,
                a -> {
                    Matrix values = a.normal(1, a.channels());
                    Matrix factors = a.normal(1, values.columns());
                    a.upload();
                    a.kernels().multiply(values, factors);
                    a.expect(
                            values,
                            ELEMENT,
                            (r, c, t) -> t.add(a.value(values, r, c) * a.value(factors, r, c)));
                    a.check();
                });
    }

    /** With inputs whose norm is too small to have a gradient. */
    @Test
    void aGroupLassoPullsTheWeightsOfEachInputInAGroupTogether() {
        forRandomCases(
                CASES,
                a -> {
                    int inputs = a.channels();
                    int groups = 1 + inputs % 3;
                    int outputs = groups * (1 + inputs % 4);
                    Matrix weights = a.normal(outputs, inputs);
                    Matrix gradient = a.normal(outputs, inputs);
                    for (int o = 0; o < outputs; o++) {
                        a.set(weights, o, 0, o % groups == 0 ? 1e-4 : 0);
                    }
                    float strength = 0.01f;
                    a.upload();
                    a.kernels().addGroupLasso(weights, groups, strength, gradient);
                    a.expect(
                            gradient,
                            ELEMENT,
                            (r, c, t) -> {
                                double squares = 0;
                                for (int o = r % groups; o < outputs; o += groups) {
                                    squares += Math.pow(a.value(weights, o, c), 2);
                                }
                                t.add(a.value(gradient, r, c));
                                if (squares > 1e-6) {
                                    double w = a.value(weights, r, c);
                                    t.add(strength * w / Math.sqrt(squares));
                                }
                            });
                    a.check();
                });
    }

    @Test
    void squaredNormIsTakenInDoublePrecision() {
        forRandomCases(
                CASES,
                a -> {
                    // Large ones and many small elements: a float sum would lose the small ones.
                    Matrix x = a.values(a.output(100, a.channels()), g -> 0.01 * g);
                    a.set(x, 0, 0, 100);
                    Matrix target = a.output(1, 1);
                    a.upload();
                    a.kernels().squaredNorm(x, target);
                    a.expect(
                            target,
                            ELEMENT / 10,
                            (row, column, t) -> {
                                for (int r = 0; r < x.rows(); r++) {
                                    for (int c = 0; c < x.columns(); c++) {
                                        t.add(a.value(x, r, c) * a.value(x, r, c));
                                    }
                                }
                            });
                    a.check();
                });
    }

    @Test
    void squaredNormShowsNanAndInfinity() {
        for (float bad : new float[] {Float.NaN, Float.NEGATIVE_INFINITY, 1e20f, 1e18f}) {
            forRandomCases(
                    CASES / 4,
                    a -> {
                        Matrix x = a.normal(a.rows(), a.channels());
                        a.set(x, a.random.nextInt(x.rows()), a.random.nextInt(x.columns()), bad);
                        Matrix target = a.output(1, 1);
                        a.upload();
                        a.kernels().squaredNorm(x, target);
                        float[] norm = new float[1];
                        a.arena().download(target, norm, 0);
                        assertEquals(bad == 1e18f, Float.isFinite(norm[0]), () -> bad + "");
                    });
        }
    }

    @Test
    void copyBetweenStrides() {
        forRandomCases(
                CASES,
                a -> {
                    Matrix source = a.activations(a.rows(), a.channels());
                    Matrix target =
                            a.random.nextBoolean()
                                    ? a.activationOutput(source.rows(), source.columns())
                                    : a.denseActivationOutput(source.rows(), source.columns());
                    a.upload();
                    a.kernels().copy(source, target);
                    a.expect(target, 0, (r, c, t) -> t.add(a.value(source, r, c)));
                    a.check();
                });
    }

    @Test
    void copyBetweenStorageTypesRoundsToTheNearest() {
        forRandomCases(
                CASES,
                a -> {
                    Matrix floats = a.normal(a.rows(), a.channels());
                    Matrix stored = a.activations(a.rows(), a.channels());
                    Matrix rounded = a.activationOutput(floats.rows(), floats.columns());
                    Matrix widened = a.output(stored.rows(), stored.columns());
                    a.upload();
                    a.kernels().copy(floats, rounded);
                    a.kernels().copy(stored, widened);
                    a.expect(rounded, 0, (r, c, t) -> t.add(a.value(floats, r, c)));
                    a.expect(widened, 0, (r, c, t) -> t.add(a.value(stored, r, c)));
                    a.check();
                });
    }

    @Test
    void copyBetweenStorageTypesKeepsEveryNan() {
        forRandomCases(
                CASES,
                a -> {
                    Matrix floats = a.denseOutput(1, a.channels());
                    int[] payloads = {0x7fff_ffff, -1, 0x7f80_0001, 0xff80_0001, 0x7fc0_0000};
                    a.integers(floats, i -> payloads[i % payloads.length]);
                    Matrix rounded = a.activationOutput(1, floats.columns());
                    Matrix widened = a.output(1, floats.columns());
                    a.upload();
                    a.kernels().copy(floats, rounded);
                    a.kernels().copy(rounded, widened);
                    float[] back = new float[widened.columns()];
                    a.arena().download(widened, back, 0);
                    for (float value : back) {
                        assertTrue(Float.isNaN(value), () -> "a NaN became " + value);
                    }
                });
    }

    @Test
    void copyOfDenseMatrices() {
        forRandomCases(
                CASES / 2,
                a -> {
                    Matrix source =
                            a.values(a.denseActivationOutput(a.rows(), a.channels()), g -> g);
                    Matrix target = a.denseActivationOutput(source.rows(), source.columns());
                    a.upload();
                    a.kernels().copy(source, target);
                    a.expect(target, 0, (r, c, t) -> t.add(a.value(source, r, c)));
                    a.check();
                });
    }

    @Test
    void addAddsToTheTarget() {
        forRandomCases(
                2 * CASES,
                a -> {
                    Matrix source = floatsOrActivations(a, a.rows(), a.channels());
                    Matrix target = floatsOrActivations(a, source.rows(), source.columns());
                    a.upload();
                    a.kernels().add(source, target);
                    a.expect(
                            target,
                            ELEMENT,
                            (r, c, t) -> t.add(a.value(source, r, c)).add(a.value(target, r, c)));
                    a.check();
                });
    }

    private static Matrix floatsOrActivations(GuardedArena a, int rows, int columns) {
        return a.random.nextBoolean() ? a.normal(rows, columns) : a.activations(rows, columns);
    }

    /** A reader without normalisation takes some columns and gives a gradient to others. */
    @Test
    void columnsOfOneMatrixAreCopiedAndAdded() {
        forRandomCases(
                CASES,
                a -> {
                    int k = a.channels();
                    int gap = a.random.nextInt(5);
                    Matrix x = a.activations(a.rows(), 3 * k + 2 * gap);
                    Matrix source = x.columns(k + gap, k);
                    Matrix copied = x.prefix(k);
                    Matrix added = x.columns(2 * (k + gap), k);
                    a.upload();
                    a.kernels().copy(source, copied);
                    a.kernels().add(source, added);
                    a.expect(copied, 0, (r, c, t) -> t.add(a.value(source, r, c)));
                    a.expect(
                            added,
                            ELEMENT,
                            (r, c, t) -> t.add(a.value(source, r, c)).add(a.value(added, r, c)));
                    a.check();
                });
    }

    @Test
    void fillSetsEveryElement() {
        forRandomCases(
                CASES,
                a -> {
                    Matrix target = a.activationOutput(a.rows(), a.channels());
                    a.upload();
                    a.kernels().fill(target, 1.5f);
                    a.expect(target, 0, (r, c, t) -> t.add(1.5));
                    a.check();
                });
    }
}

package org.densenet4j.contract;

import org.densenet4j.backend.BFloat16;
import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.junit.jupiter.api.Test;

import java.util.function.DoubleUnaryOperator;
import java.util.function.Function;

/**
 * {@link Convolution} against the sum that defines it, with dense operands and as many images as
 * asked, on every lane. An element may be off by {@value #TOLERANCE} of the sum of the absolute
 * values of its products, or of the largest such sum where an algorithm adds up neighbours; more
 * where operands are rounded on the way.
 */
abstract class ConvolutionContract extends OpenedDevice {
    private static final double TOLERANCE = 1e-5;

    /** Of a single tile; the errors of many cancel. */
    private static final double TRANSFORMED_TOLERANCE = 0x1p-4;

    private static final int CASES = 36;

    /** Whether an element's rounding errors come from its neighbours' values, too (Winograd). */
    boolean sharesRounding() {
        return false;
    }

    /**
     * Whether the weight gradient of images in bfloat16 is made of tiles that are rounded to it in
     * Winograd's domain, where values are large that cancel later.
     */
    boolean roundsTransformedTiles() {
        return false;
    }

    /** Whether a chunk's weight gradient of images in bfloat16 is itself rounded to it (cuDNN). */
    boolean roundsWeightGradients() {
        return false;
    }

    @Test
    void forward() {
        checkForward(CASES, this::shape);
    }

    @Test
    void forwardOfFewChannels() {
        checkForward(CASES / 4, ConvolutionContract::stem);
    }

    @Test
    void forwardOfManyChannels() {
        checkForward(2, ConvolutionContract::wide);
    }

    private void checkForward(int cases, Function<GuardedArena, ConvolutionShape> shape) {
        forRandomCases(
                cases,
                a -> {
                    ConvolutionShape s = shape.apply(a);
                    ConvolutionMemory memory = memory(a, s);
                    int images = 1 + a.random.nextInt(s.images());
                    Matrix source = source(a, s, images, true);
                    Matrix weights = weights(a, s, true);
                    Matrix packed = scratch(a, memory.packedWeights());
                    Matrix dense = output(a, s, images, false);
                    Matrix columns = a.activationOutput(dense.rows(), dense.columns());
                    a.upload();
                    Convolution convolution = a.arena().convolution(s);
                    Matrix output = convolution.writesColumns() ? columns : dense;
                    convolution.packForward(0, weights, packed);
                    convolution.forward(lane(a), images, source, packed, output);
                    Terms[][] expected = terms(output.rows(), output.columns());
                    for (int r = 0; r < output.rows(); r++) {
                        Terms[] pixel = expected[r];
                        forEachTap(
                                s,
                                r,
                                (row, ky, kx) -> {
                                    for (int o = 0; o < s.outputChannels(); o++) {
                                        for (int i = 0; i < s.inputChannels(); i++) {
                                            double w = weight(a, weights, s, o, i, ky, kx);
                                            pixel[o].add(w * a.value(source, row, i));
                                        }
                                    }
                                });
                    }
                    expect(a, output, expected);
                    a.check();
                });
    }

    @Test
    void dataGradient() {
        checkDataGradient(CASES, this::shape);
    }

    @Test
    void dataGradientOfManyChannels() {
        checkDataGradient(2, ConvolutionContract::wide);
    }

    private void checkDataGradient(int cases, Function<GuardedArena, ConvolutionShape> shape) {
        forRandomCases(
                cases,
                a -> {
                    ConvolutionShape s = shape.apply(a);
                    ConvolutionMemory memory = memory(a, s);
                    int images = 1 + a.random.nextInt(s.images());
                    Matrix gradient = output(a, s, images, true);
                    Matrix weights = weights(a, s, true);
                    Matrix packed = scratch(a, memory.packedWeights());
                    Matrix source = source(a, s, images, false);
                    a.upload();
                    Convolution convolution = a.arena().convolution(s);
                    convolution.packBackward(0, weights, packed);
                    convolution.backwardData(lane(a), images, gradient, packed, source);
                    Terms[][] expected = terms(source.rows(), source.columns());
                    for (int r = 0; r < gradient.rows(); r++) {
                        int out = r;
                        forEachTap(
                                s,
                                r,
                                (row, ky, kx) -> {
                                    for (int i = 0; i < s.inputChannels(); i++) {
                                        for (int o = 0; o < s.outputChannels(); o++) {
                                            double w = weight(a, weights, s, o, i, ky, kx);
                                            expected[row][i].add(w * a.value(gradient, out, o));
                                        }
                                    }
                                });
                    }
                    expect(a, source, expected);
                    a.check();
                });
    }

    @Test
    void weightGradientOfChunksOnAllLanesIsAddedToTheGradient() {
        checkWeightGradients(CASES, this::shape, g -> g, weightTolerance(TOLERANCE));
    }

    @Test
    void weightGradientOfFewChannels() {
        checkWeightGradients(
                CASES / 4, ConvolutionContract::stem, g -> g, chunkTolerance(TOLERANCE));
    }

    @Test
    void weightGradientOfManyPixels() {
        checkWeightGradients(4, ConvolutionContract::large, g -> g, weightTolerance(TOLERANCE));
    }

    /** Numbers that are small integers in Winograd's domain, too: no storage rounds them. */
    @Test
    void weightGradientOfSignsIsNotRounded() {
        checkWeightGradients(CASES, this::shape, ConvolutionContract::sign, TOLERANCE);
    }

    private static double sign(double g) {
        return Math.signum(Math.rint(g));
    }

    private void checkWeightGradients(
            int cases,
            Function<GuardedArena, ConvolutionShape> shape,
            DoubleUnaryOperator value,
            double tolerance) {
        forRandomCases(
                cases,
                a -> {
                    ConvolutionShape s = shape.apply(a);
                    ConvolutionMemory memory = memory(a, s);
                    int images = 1 + a.random.nextInt(3 * s.images());
                    int chunks = Math.ceilDiv(images, s.images());
                    Matrix source = a.values(source(a, s, images, false), value);
                    Matrix gradient = a.values(output(a, s, images, false), value);
                    int floats = Math.toIntExact(memory.packedGradient() / Float.BYTES);
                    Matrix parts = a.denseOutput(device.lanes(), floats);
                    Matrix sums = a.values(a.denseOutput(device.lanes(), floats), g -> 0);
                    a.anything(parts);
                    a.anything(sums);
                    Matrix weightGradient = weights(a, s, true);
                    a.upload();
                    Convolution convolution = a.arena().convolution(s);
                    int inputRows = s.height() * s.width();
                    int outputRows = s.outputHeight() * s.outputWidth();
                    device.forEachChunk(
                            chunks,
                            (lane, chunk) -> {
                                int first = chunk * s.images();
                                int count = Math.min(s.images(), images - first);
                                convolution.backwardWeights(
                                        lane,
                                        count,
                                        source.rows(first * inputRows, count * inputRows),
                                        gradient.rows(first * outputRows, count * outputRows),
                                        parts.row(lane),
                                        sums.row(lane));
                            });
                    device.forEachChunk(
                            convolution.parts(),
                            (lane, part) ->
                                    convolution.reduceWeightGradient(
                                            lane, part, sums, weightGradient));
                    Terms[][] expected =
                            weightTerms(
                                    a,
                                    s,
                                    gradient,
                                    weightGradient,
                                    (total, g, row, i) -> total.add(g * a.value(source, row, i)));
                    expect(a, weightGradient, expected, tolerance, 1);
                    a.check();
                });
    }

    // ---------------------------------------------------------------- behind a normalisation

    @Test
    void aConvolutionBehindANormalisationReadsWhatTheReluLetsThrough() {
        checkNormalised(false);
    }

    /** Where an image may be cut at all. */
    @Test
    void bandsOfAnImageMakeUpTheWhole() {
        checkNormalised(true);
    }

    private void forwardInBands(
            GuardedArena a, Convolution c, Matrix z, Matrix affine, Matrix packed, Matrix output) {
        int bands = 1 + a.random.nextInt(c.mostBands());
        int width = c.shape().outputWidth();
        for (int band = bands - 1; band >= 0; band--) {
            int first = c.firstLine(band, bands) * width;
            int rows = c.firstLine(band + 1, bands) * width - first;
            c.forwardBand(lane(a), band, bands, z, affine, packed, output.rows(first, rows));
        }
    }

    private void checkNormalised(boolean inBands) {
        forRandomCases(
                CASES / 2,
                a -> {
                    ConvolutionShape s = shape(a);
                    ConvolutionMemory memory = memory(a, s);
                    int images = inBands ? 1 : 1 + a.random.nextInt(s.images());
                    Matrix z = source(a, s, images, true);
                    Matrix affine = a.affine(s.inputChannels());
                    Matrix normalised = source(a, s, images, false);
                    a.anything(normalised);
                    Matrix weights = weights(a, s, true);
                    Matrix packed = scratch(a, memory.packedWeights());
                    Matrix output = output(a, s, images, false);
                    a.upload();
                    Convolution convolution = a.arena().convolution(s);
                    convolution.packForward(0, weights, packed);
                    if (inBands && convolution.mostBands() > 1) {
                        forwardInBands(a, convolution, z, affine, packed, output);
                    } else {
                        convolution.forward(
                                a.kernels(),
                                lane(a),
                                images,
                                z,
                                affine,
                                normalised,
                                packed,
                                output);
                    }
                    Terms[][] expected = terms(output.rows(), output.columns());
                    for (int r = 0; r < output.rows(); r++) {
                        Terms[] pixel = expected[r];
                        forEachTap(
                                s,
                                r,
                                (row, ky, kx) -> {
                                    for (int o = 0; o < s.outputChannels(); o++) {
                                        for (int i = 0; i < s.inputChannels(); i++) {
                                            double w = weight(a, weights, s, o, i, ky, kx);
                                            a.addRelu(pixel[o], w, z, row, i, affine);
                                        }
                                    }
                                });
                    }
                    expect(a, output, expected, TOLERANCE, 2);
                    a.check();
                });
    }

    @Test
    void theWeightGradientBehindANormalisationIsOfWhatTheReluLetsThrough() {
        double rounding = storage() == DataType.FLOAT32 ? 0 : 0x1p-8;
        checkNormalisedWeightGradient(g -> g, weightTolerance(TOLERANCE + rounding));
    }

    /** As {@link #weightGradientOfSignsIsNotRounded}. */
    @Test
    void theWeightGradientOfSignsBehindANormalisationIsNotRounded() {
        checkNormalisedWeightGradient(ConvolutionContract::sign, TOLERANCE);
    }

    private void checkNormalisedWeightGradient(DoubleUnaryOperator value, double tolerance) {
        forRandomCases(
                CASES / 2,
                a -> {
                    ConvolutionShape s = shape(a);
                    ConvolutionMemory memory = memory(a, s);
                    int images = 1 + a.random.nextInt(s.images());
                    Matrix z = a.values(source(a, s, images, false), value);
                    Matrix affine = a.values(a.affine(s.inputChannels()), value);
                    Matrix normalised = source(a, s, images, false);
                    a.anything(normalised);
                    Matrix gradient = a.values(output(a, s, images, false), value);
                    int floats = Math.toIntExact(memory.packedGradient() / Float.BYTES);
                    Matrix part = a.denseOutput(1, floats);
                    Matrix sum = a.values(a.denseOutput(1, floats), g -> 0);
                    a.anything(part);
                    a.anything(sum);
                    Matrix weightGradient = weights(a, s, true);
                    a.upload();
                    Convolution convolution = a.arena().convolution(s);
                    convolution.backwardWeights(
                            a.kernels(),
                            lane(a),
                            images,
                            z,
                            affine,
                            normalised,
                            gradient,
                            part,
                            sum);
                    convolution.reduceWeightGradient(0, sum, weightGradient);
                    Terms[][] expected =
                            weightTerms(
                                    a,
                                    s,
                                    gradient,
                                    weightGradient,
                                    (total, g, row, i) -> a.addRelu(total, g, z, row, i, affine));
                    expect(a, weightGradient, expected, tolerance, 1);
                    a.check();
                });
    }

    private double weightTolerance(double otherwise) {
        boolean rounds = roundsTransformedTiles() && storage() == DataType.BFLOAT16;
        return rounds ? TRANSFORMED_TOLERANCE : chunkTolerance(otherwise);
    }

    private double chunkTolerance(double otherwise) {
        boolean rounds = roundsWeightGradients() && storage() == DataType.BFLOAT16;
        return rounds ? otherwise + 0x1p-8 : otherwise;
    }

    /** Adds the product of an output's gradient and channel i of a pixel of the source. */
    private interface WeightTerm {
        void add(Terms sum, double gradient, int row, int i);
    }

    /** What a weight gradient holds before, and what a batch adds to it. */
    private Terms[][] weightTerms(
            GuardedArena a,
            ConvolutionShape s,
            Matrix gradient,
            Matrix weightGradient,
            WeightTerm term) {
        Terms[][] sums = terms(1, weightGradient.columns());
        for (int w = 0; w < s.weights(); w++) {
            sums[0][w].add(a.value(weightGradient, 0, w));
        }
        for (int r = 0; r < gradient.rows(); r++) {
            int out = r;
            forEachTap(
                    s,
                    r,
                    (row, ky, kx) -> {
                        for (int o = 0; o < s.outputChannels(); o++) {
                            double g = a.value(gradient, out, o);
                            for (int i = 0; i < s.inputChannels(); i++) {
                                term.add(sums[0][index(s, o, i, ky, kx)], g, row, i);
                            }
                        }
                    });
        }
        return sums;
    }

    // ---------------------------------------------------------------- shapes and operands

    /**
     * 3x3 of a dense layer mostly; now and then a 1x1 of a transition or of a shortcut, a 3x3/2
     * that halves, one whose data gradient doubles (without padding), and the 7x7/2 of a stem.
     */
    ConvolutionShape shape(GuardedArena a) {
        int[] kernel =
                switch (a.random.nextInt(9)) {
                    case 0 -> new int[] {1, 1, 0};
                    case 1 -> new int[] {1, 2, 0};
                    case 2 -> new int[] {7, 2, 3};
                    case 3 -> new int[] {3, 2, 1};
                    case 4 -> new int[] {3, 2, 0};
                    default -> new int[] {3, 1, 1};
                };
        int least = Math.max(1, kernel[0] - 2 * kernel[2]);
        return new ConvolutionShape(
                1 + a.random.nextInt(4),
                least + a.random.nextInt(8),
                least + a.random.nextInt(8),
                channels(a),
                channels(a),
                kernel[0],
                kernel[1],
                kernel[2],
                a.storage());
    }

    /** That of a stem, large enough for whole blocks of pixels: 7x7/2, 3x3, 3x3/2, 5x5, 4x4/4. */
    private static ConvolutionShape stem(GuardedArena a) {
        int[] kernel =
                switch (a.random.nextInt(5)) {
                    case 0 -> new int[] {3, 1, 1};
                    case 1 -> new int[] {3, 2, 1};
                    case 2 -> new int[] {5, 1, 0};
                    case 3 -> new int[] {4, 4, 0};
                    default -> new int[] {7, 2, 3};
                };
        return new ConvolutionShape(
                1 + a.random.nextInt(2),
                7 + a.random.nextInt(9),
                7 + a.random.nextInt(50),
                1 + a.random.nextInt(4),
                1 + a.random.nextInt(80),
                kernel[0],
                kernel[1],
                kernel[2],
                a.storage());
    }

    /** A 1x1 whose sums are long enough to be taken in parts, of any number of outputs. */
    private static ConvolutionShape wide(GuardedArena a) {
        return new ConvolutionShape(
                1 + a.random.nextInt(2),
                1 + a.random.nextInt(3),
                1 + a.random.nextInt(4),
                520 + a.random.nextInt(80),
                520 + a.random.nextInt(80),
                1,
                1,
                0,
                a.storage());
    }

    /** A 1x1 whose weight gradient has sums that are long enough for that. */
    private static ConvolutionShape large(GuardedArena a) {
        return new ConvolutionShape(
                1 + a.random.nextInt(2),
                17 + a.random.nextInt(8),
                17 + a.random.nextInt(8),
                channels(a),
                channels(a),
                1,
                1,
                0,
                a.storage());
    }

    private static int channels(GuardedArena a) {
        return a.random.nextInt(6) == 0 ? 1 + a.random.nextInt(3) : 1 + a.random.nextInt(50);
    }

    /** What a plan allows for: a full chunk and one of a single image. */
    private ConvolutionMemory memory(GuardedArena a, ConvolutionShape s) {
        a.scratch(device.memory(s).scratch());
        a.scratch(device.memory(s.withImages(1)).scratch());
        return device.memory(s);
    }

    private int lane(GuardedArena a) {
        return a.random.nextInt(device.lanes());
    }

    private static Matrix source(GuardedArena a, ConvolutionShape s, int images, boolean filled) {
        return images(a, images * s.height() * s.width(), s.inputChannels(), filled);
    }

    private static Matrix output(GuardedArena a, ConvolutionShape s, int images, boolean filled) {
        int rows = images * s.outputHeight() * s.outputWidth();
        return images(a, rows, s.outputChannels(), filled);
    }

    /** Values that packing need not round, whether it stores them as images are or as they are. */
    private static Matrix weights(GuardedArena a, ConvolutionShape s, boolean filled) {
        Matrix m = a.denseOutput(1, s.weights());
        return filled ? a.values(m, g -> BFloat16.round((float) g)) : m;
    }

    private static Matrix images(GuardedArena a, int rows, int columns, boolean filled) {
        Matrix m = a.denseActivationOutput(rows, columns);
        return filled ? a.values(m, g -> g) : m;
    }

    private static Matrix scratch(GuardedArena a, long bytes) {
        Matrix m = a.denseOutput(1, Math.toIntExact(Math.ceilDiv(bytes, (long) Float.BYTES)));
        a.anything(m);
        return m;
    }

    // ---------------------------------------------------------------- the reference

    private interface Tap {
        void at(int inputRow, int ky, int kx);
    }

    /** All input pixels that an output pixel reads. */
    private static void forEachTap(ConvolutionShape s, int outputRow, Tap tap) {
        int w = s.outputWidth();
        int h = s.outputHeight();
        int image = outputRow / (h * w);
        for (int ky = 0; ky < s.kernel(); ky++) {
            for (int kx = 0; kx < s.kernel(); kx++) {
                int y = outputRow / w % h * s.stride() - s.padding() + ky;
                int x = outputRow % w * s.stride() - s.padding() + kx;
                if (y >= 0 && y < s.height() && x >= 0 && x < s.width()) {
                    tap.at((image * s.height() + y) * s.width() + x, ky, kx);
                }
            }
        }
    }

    /** Position in the PyTorch layout [out, in, kh, kw]. */
    private static int index(ConvolutionShape s, int o, int i, int ky, int kx) {
        return ((o * s.inputChannels() + i) * s.kernel() + ky) * s.kernel() + kx;
    }

    private static double weight(
            GuardedArena a, Matrix weights, ConvolutionShape s, int o, int i, int ky, int kx) {
        return a.value(weights, 0, index(s, o, i, ky, kx));
    }

    private static Terms[][] terms(int rows, int columns) {
        Terms[][] terms = new Terms[rows][columns];
        for (Terms[] row : terms) {
            for (int c = 0; c < columns; c++) {
                row[c] = new Terms();
            }
        }
        return terms;
    }

    private void expect(GuardedArena a, Matrix out, Terms[][] expected) {
        expect(a, out, expected, TOLERANCE, 1);
    }

    /**
     * @param roundings how often a value on the way to an output may be stored
     */
    private void expect(
            GuardedArena a, Matrix out, Terms[][] expected, double tolerance, int roundings) {
        double largest = 0;
        for (Terms[] row : expected) {
            for (Terms terms : row) {
                largest = Math.max(largest, terms.magnitude());
            }
        }
        double shared = sharesRounding() ? largest : 0;
        a.expect(
                out,
                tolerance,
                roundings,
                (r, c, t) -> {
                    Terms e = expected[r][c];
                    t.add(e.sum(), Math.max(e.magnitude(), shared));
                });
    }
}

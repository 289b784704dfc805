package org.densenet4j.contract;

import static org.junit.jupiter.api.Assertions.fail;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.DoubleUnaryOperator;

/**
 * An arena whose every word is known before an operation and checked after it.
 *
 * <p>Matrices lie apart and have gaps between their rows. All that belongs to no input is a NaN
 * with a mark: whoever reads outside an input spoils the result, and whoever writes outside an
 * output is found. Use: lay out inputs and outputs, {@link #upload}, run, say what is expected (in
 * terms of the values before the operation), {@link #check}.
 */
final class GuardedArena implements AutoCloseable {
    private static final int GUARD = 0x7FC0_DEAD;
    private static final int GUARD_WORDS = 32;
    private static final int WORD = Float.BYTES;
    private static final int ALIGNED_WORDS = 64;
    private static final int CAPACITY_WORDS = 1 << 17;

    final SplittableRandom random;
    private final Device device;
    private final long seed;
    private final float[] before = new float[CAPACITY_WORDS];
    private final double[] expected = new double[CAPACITY_WORDS];
    private final double[] allowed = new double[CAPACITY_WORDS];
    private final Matrix[] owner = new Matrix[CAPACITY_WORDS];
    private final boolean[] free = new boolean[CAPACITY_WORDS];
    private int next;
    private long scratchBytesPerLane;
    private DeviceArena arena;

    /** One word of an output, from the values before the operation. */
    @FunctionalInterface
    interface Cell {
        /** Adds the terms of element (row, column) to {@code terms}. */
        void at(int row, int column, Terms terms);
    }

    GuardedArena(Device device, long seed) {
        this.device = device;
        this.seed = seed;
        this.random = new SplittableRandom(seed);
        scratch(device.kernelScratchBytes());
        Arrays.fill(before, Float.intBitsToFloat(GUARD));
    }

    /** The arena, once {@link #upload} has made it. */
    DeviceArena arena() {
        return arena;
    }

    Kernels kernels() {
        return arena.kernels();
    }

    /** A random number of rows, often few, sometimes one. */
    int rows() {
        return random.nextInt(4) == 0 ? 1 + random.nextInt(3) : 1 + random.nextInt(150);
    }

    /** A random number of channels that seldom fits a vector. */
    int channels() {
        return 1 + random.nextInt(70);
    }

    // ---------------------------------------------------------------- layout

    /** A matrix with gaps between its rows, filled with guards: an output. */
    Matrix output(int rows, int columns) {
        int start = next + GUARD_WORDS + random.nextInt(7);
        return place(start, rows, columns, columns + random.nextInt(9));
    }

    /** An output without gaps, aligned as a planned buffer is. */
    Matrix denseOutput(int rows, int columns) {
        int start = (next + GUARD_WORDS + ALIGNED_WORDS - 1) / ALIGNED_WORDS * ALIGNED_WORDS;
        return place(start, rows, columns, columns);
    }

    private Matrix place(int start, int rows, int columns, int stride) {
        long end = start + (long) (rows - 1) * stride + columns;
        if (end + GUARD_WORDS > before.length) {
            throw new IllegalStateException("the test's arena is too small");
        }
        next = (int) end;
        return Matrix.strided((long) start * WORD, rows, columns, stride);
    }

    /** A strided input of normally distributed values. */
    Matrix normal(int rows, int columns) {
        return values(output(rows, columns), g -> g);
    }

    /** A strided input of values between two positive bounds. */
    Matrix positive(int rows, int columns, double low, double high) {
        return values(output(rows, columns), g -> low + (high - low) * random.nextDouble());
    }

    /** Fills a matrix with functions of normally distributed values. */
    Matrix values(Matrix x, DoubleUnaryOperator ofNormal) {
        for (int r = 0; r < x.rows(); r++) {
            for (int c = 0; c < x.columns(); c++) {
                set(x, r, c, ofNormal.applyAsDouble(random.nextGaussian()));
            }
        }
        return x;
    }

    /** Statistics [3, C] that belong together: mean, variance, 1/sqrt(variance + 1e-5). */
    Matrix statistics(int channels) {
        Matrix s = normal(3, channels);
        for (int c = 0; c < channels; c++) {
            double variance = 0.1 + 2 * random.nextDouble();
            set(s, 1, c, variance);
            set(s, 2, c, 1 / Math.sqrt(variance + 1e-5));
        }
        return s;
    }

    /** Scale and shift [2, C]; scales of both signs. */
    Matrix affine(int channels) {
        return normal(2, channels);
    }

    /**
     * A strided input that keeps clear of the ReLU's kink, where rounding alone decides on which
     * side a value lies.
     */
    Matrix clearOfKink(int rows, Matrix affine) {
        Matrix x = normal(rows, affine.columns());
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < x.columns(); c++) {
                while (Math.abs(normalised(x, r, c, affine)) < 1e-4) {
                    set(x, r, c, random.nextGaussian());
                }
            }
        }
        return x;
    }

    /** Random integers from 0 to below {@code bound}, such as labels, as 32-bit integers. */
    int[] integers(Matrix at, int bound) {
        int[] labels = random.ints(at.columns(), 0, bound).toArray();
        for (int i = 0; i < labels.length; i++) {
            before[word(at, 0, i)] = Float.intBitsToFloat(labels[i]);
        }
        return labels;
    }

    void set(Matrix x, int row, int column, double value) {
        before[word(x, row, column)] = (float) value;
    }

    /** The value before the operation. */
    double value(Matrix x, int row, int column) {
        return before[word(x, row, column)];
    }

    /** The 32 bits at a byte offset before the operation. */
    int bits(long offset) {
        return Float.floatToRawIntBits(before[Math.toIntExact(offset / WORD)]);
    }

    /** {@code x·scale + shift}. */
    double normalised(Matrix x, int row, int column, Matrix affine) {
        return value(x, row, column) * value(affine, 0, column) + value(affine, 1, column);
    }

    /** Adds {@code weight·max(0, x·scale + shift)}, which rounds as its two terms do. */
    void addRelu(Terms terms, double weight, Matrix x, int row, int column, Matrix affine) {
        double product = value(x, row, column) * value(affine, 0, column);
        double shift = value(affine, 1, column);
        terms.add(
                weight * Math.max(0, product + shift),
                weight * (Math.abs(product) + Math.abs(shift)));
    }

    /** {@code gradient} where the ReLU let {@code x·scale + shift} through, otherwise 0. */
    double masked(double gradient, Matrix x, int row, int column, Matrix affine) {
        return normalised(x, row, column, affine) > 0 ? gradient : 0;
    }

    private static int word(Matrix x, int row, int column) {
        return Math.toIntExact(x.at(row, column) / WORD);
    }

    // ---------------------------------------------------------------- checking

    /** Asks for library scratch behind the matrices, as a plan does. */
    void scratch(long bytesPerLane) {
        scratchBytesPerLane = Math.max(scratchBytesPerLane, Math.ceilDiv(bytesPerLane, 256L) * 256);
    }

    /** Allocates an arena just large enough and puts everything into it. */
    void upload() {
        long offset = (long) Math.ceilDiv(words(), ALIGNED_WORDS) * ALIGNED_WORDS * WORD;
        arena =
                device.allocate(
                        offset + device.lanes() * scratchBytesPerLane, offset, scratchBytesPerLane);
        arena.upload(before, 0, Matrix.vector(0, words()));
    }

    private int words() {
        return next + GUARD_WORDS;
    }

    /** Says what an output must be, within {@code tolerance} of the size of its terms. */
    void expect(Matrix out, double tolerance, Cell cell) {
        for (int r = 0; r < out.rows(); r++) {
            for (int c = 0; c < out.columns(); c++) {
                Terms terms = new Terms();
                cell.at(r, c, terms);
                int word = word(out, r, c);
                expected[word] = terms.sum();
                allowed[word] = tolerance * terms.magnitude();
                owner[word] = out;
            }
        }
    }

    /** Says that a matrix is scratch: anything may be in it afterwards. */
    void anything(Matrix scratch) {
        for (int r = 0; r < scratch.rows(); r++) {
            for (int c = 0; c < scratch.columns(); c++) {
                free[word(scratch, r, c)] = true;
            }
        }
    }

    /** Compares every word of the arena with what was expected, or with what it was before. */
    void check() {
        float[] after = new float[words()];
        arena.download(Matrix.vector(0, after.length), after, 0);
        for (int word = 0; word < after.length; word++) {
            if (owner[word] != null) {
                double difference = Math.abs(after[word] - expected[word]);
                if (!(difference <= allowed[word])) {
                    failAt(word, after[word]);
                }
            } else if (!free[word]
                    && Float.floatToRawIntBits(after[word])
                            != Float.floatToRawIntBits(before[word])) {
                fail(
                        "case "
                                + seed
                                + ": word "
                                + word
                                + " belongs to no output, was "
                                + before[word]
                                + " and is "
                                + after[word]);
            }
        }
    }

    private void failAt(int word, float actual) {
        Matrix m = owner[word];
        int index = word - Math.toIntExact(m.offset() / WORD);
        fail(
                "case "
                        + seed
                        + ": element ("
                        + index / m.stride()
                        + ", "
                        + index % m.stride()
                        + ") of "
                        + m
                        + " is "
                        + actual
                        + ", expected "
                        + expected[word]
                        + " within "
                        + allowed[word]);
    }

    @Override
    public void close() {
        if (arena != null) {
            arena.close();
        }
    }
}

package org.densenet4j.contract;

import static org.junit.jupiter.api.Assertions.fail;

import org.densenet4j.backend.BFloat16;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.DoubleUnaryOperator;
import java.util.function.IntUnaryOperator;

/**
 * An arena whose every half word is known before an operation and checked after it.
 *
 * <p>Matrices lie apart and have gaps between their rows. All that belongs to no input is a NaN
 * with a mark, in every storage type: whoever reads outside an input spoils the result, and whoever
 * writes outside an output is found. Activations are stored in the arena's storage type; what is
 * not said to be one is float32. Use: lay out inputs and outputs, {@link #upload}, run, say what is
 * expected (in terms of the values before the operation), {@link #check}.
 */
final class GuardedArena implements AutoCloseable {
    private static final short[] GUARD = {0x7FC5, 0x7FC9};
    private static final int GUARD_HALVES = 64;
    private static final int HALF = Short.BYTES;
    private static final int ALIGNED_HALVES = 128;

    /** Half of the last place of a bfloat16, as a share of the value. */
    private static final double BFLOAT16_ROUNDING = 0x1p-8;

    final SplittableRandom random;
    private final Device device;
    private final DataType storage;
    private final long seed;
    private short[] before = new short[0];
    private double[] expected;
    private double[] allowed;
    private Matrix[] owner;
    private boolean[] free;
    private int next;
    private long scratchBytesPerLane;
    private DeviceArena arena;

    /** One element of an output, from the values before the operation. */
    @FunctionalInterface
    interface Cell {
        /** Adds the terms of element (row, column) to {@code terms}. */
        void at(int row, int column, Terms terms);
    }

    GuardedArena(Device device, DataType storage, long seed) {
        this.device = device;
        this.storage = storage;
        this.seed = seed;
        this.random = new SplittableRandom(seed);
        scratch(device.kernelScratchBytes());
        grow(1 << 15);
    }

    /** The arena, once {@link #upload} has made it. */
    DeviceArena arena() {
        return arena;
    }

    Kernels kernels() {
        return arena.kernels();
    }

    /** How activations are stored. */
    DataType storage() {
        return storage;
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

    /** A float32 matrix with gaps between its rows, filled with guards: an output. */
    Matrix output(int rows, int columns) {
        return strided(rows, columns, DataType.FLOAT32);
    }

    /** An output that holds activations or their gradients. */
    Matrix activationOutput(int rows, int columns) {
        return strided(rows, columns, storage);
    }

    private Matrix strided(int rows, int columns, DataType type) {
        int start = next + GUARD_HALVES + random.nextInt(7) * type.bytes() / HALF;
        return place(start, rows, columns, columns + random.nextInt(9), type);
    }

    /** Activations of normally distributed values in rows that start on 16 bytes. */
    Matrix alignedActivations(int rows, int columns) {
        int elements = 16 / storage.bytes();
        int start = (next + GUARD_HALVES + ALIGNED_HALVES - 1) / ALIGNED_HALVES * ALIGNED_HALVES;
        int stride = (columns + elements - 1) / elements * elements + elements * random.nextInt(3);
        return values(place(start, rows, columns, stride, storage), g -> g);
    }

    /** A float32 output without gaps, aligned as a planned buffer is. */
    Matrix denseOutput(int rows, int columns) {
        return dense(rows, columns, DataType.FLOAT32);
    }

    /** An output without gaps, aligned as a planned buffer is, that holds activations. */
    Matrix denseActivationOutput(int rows, int columns) {
        return dense(rows, columns, storage);
    }

    private Matrix dense(int rows, int columns, DataType type) {
        int start = (next + GUARD_HALVES + ALIGNED_HALVES - 1) / ALIGNED_HALVES * ALIGNED_HALVES;
        return place(start, rows, columns, columns, type);
    }

    private Matrix place(int start, int rows, int columns, int stride, DataType type) {
        Matrix placed = new Matrix((long) start * HALF, rows, columns, stride, type);
        next = Math.toIntExact((placed.at(rows - 1, columns) + Float.BYTES - 1) / HALF / 2 * 2);
        if (halves() > before.length) {
            grow(2 * halves());
        }
        return placed;
    }

    private void grow(int length) {
        int from = before.length;
        before = Arrays.copyOf(before, length);
        for (int i = from; i < length; i++) {
            before[i] = GUARD[i % 2];
        }
    }

    /** A strided input of normally distributed values. */
    Matrix normal(int rows, int columns) {
        return values(output(rows, columns), g -> g);
    }

    /** Strided activations of normally distributed values. */
    Matrix activations(int rows, int columns) {
        return values(activationOutput(rows, columns), g -> g);
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
     * Strided activations that keep clear of the ReLU's kink, where rounding alone decides on which
     * side a value lies.
     */
    Matrix clearOfKink(int rows, Matrix affine) {
        return clearOfKink(activations(rows, affine.columns()), affine);
    }

    /** Draws those activations again that lie too close to the ReLU's kink. */
    Matrix clearOfKink(Matrix x, Matrix affine) {
        for (int r = 0; r < x.rows(); r++) {
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
        integers(at, i -> labels[i]);
        return labels;
    }

    /** Sets the 32 bits of each element of a row. */
    void integers(Matrix at, IntUnaryOperator bits) {
        for (int i = 0; i < at.columns(); i++) {
            setBits(half(at, 0, i), bits.applyAsInt(i));
        }
    }

    /** Sets an element, rounded to its storage type. */
    void set(Matrix x, int row, int column, double value) {
        int half = half(x, row, column);
        if (x.type() == DataType.FLOAT32) {
            setBits(half, Float.floatToRawIntBits((float) value));
        } else {
            before[half] = BFloat16.of((float) value);
        }
    }

    private void setBits(int half, int bits) {
        before[half] = (short) bits;
        before[half + 1] = (short) (bits >>> 16);
    }

    /** The value before the operation. */
    double value(Matrix x, int row, int column) {
        return value(before, half(x, row, column), x.type());
    }

    private static float value(short[] content, int half, DataType type) {
        return type == DataType.FLOAT32
                ? Float.intBitsToFloat(bits(content, half))
                : BFloat16.toFloat(content[half]);
    }

    private static int bits(short[] content, int half) {
        return content[half + 1] << 16 | content[half] & 0xFFFF;
    }

    /** The 32 bits at a byte offset before the operation. */
    int bits(long offset) {
        return bits(before, Math.toIntExact(offset / HALF));
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
                Math.abs(weight) * (Math.abs(product) + Math.abs(shift)));
    }

    /** {@code gradient} where the ReLU let {@code x·scale + shift} through, otherwise 0. */
    double masked(double gradient, Matrix x, int row, int column, Matrix affine) {
        return normalised(x, row, column, affine) > 0 ? gradient : 0;
    }

    private static int half(Matrix x, int row, int column) {
        return Math.toIntExact(x.at(row, column) / HALF);
    }

    // ---------------------------------------------------------------- checking

    /** Asks for library scratch behind the matrices, as a plan does. */
    void scratch(long bytesPerLane) {
        scratchBytesPerLane = Math.max(scratchBytesPerLane, Math.ceilDiv(bytesPerLane, 256L) * 256);
    }

    /** Allocates an arena just large enough and puts everything into it. */
    void upload() {
        long offset = (long) Math.ceilDiv(halves(), ALIGNED_HALVES) * ALIGNED_HALVES * HALF;
        arena =
                device.allocate(
                        offset + device.lanes() * scratchBytesPerLane, offset, scratchBytesPerLane);
        float[] words = new float[halves() / 2];
        for (int word = 0; word < words.length; word++) {
            words[word] = Float.intBitsToFloat(bits(before, 2 * word));
        }
        arena.upload(words, 0, Matrix.vector(0, words.length));
        expected = new double[halves()];
        allowed = new double[halves()];
        owner = new Matrix[halves()];
        free = Arrays.copyOf(free == null ? new boolean[0] : free, halves());
    }

    /** Even: whole words. */
    private int halves() {
        return next + GUARD_HALVES;
    }

    /**
     * Says what an output must be, within {@code tolerance} of the size of its terms, and half of
     * the last place of its storage type; with no tolerance, the nearest value of that type.
     */
    void expect(Matrix out, double tolerance, Cell cell) {
        expect(out, tolerance, 1, cell);
    }

    /**
     * The same for an output that is stored and read again before it is finished.
     *
     * @param roundings how often it is rounded to its storage type
     */
    void expect(Matrix out, double tolerance, int roundings, Cell cell) {
        boolean rounds = out.type() != DataType.FLOAT32;
        for (int r = 0; r < out.rows(); r++) {
            for (int c = 0; c < out.columns(); c++) {
                Terms terms = new Terms();
                cell.at(r, c, terms);
                int half = half(out, r, c);
                double sum = terms.sum();
                double error = tolerance * terms.magnitude();
                if (rounds && tolerance == 0) {
                    sum = BFloat16.round((float) sum);
                } else if (rounds) {
                    double earlier = (roundings - 1) * terms.magnitude();
                    error += BFLOAT16_ROUNDING * (Math.abs(sum) + earlier + error);
                }
                expected[half] = sum;
                allowed[half] = error;
                owner[half] = out;
            }
        }
    }

    /** Says that a matrix is scratch: anything may be in it afterwards. */
    void anything(Matrix scratch) {
        if (free == null || free.length < halves()) {
            free = Arrays.copyOf(free == null ? new boolean[0] : free, halves());
        }
        for (int r = 0; r < scratch.rows(); r++) {
            Arrays.fill(free, half(scratch, r, 0), half(scratch, r, scratch.columns()), true);
        }
    }

    /** Compares every half word of the arena with what was expected, or with what was there. */
    void check() {
        float[] words = new float[halves() / 2];
        arena.download(Matrix.vector(0, words.length), words, 0);
        short[] after = new short[halves()];
        for (int half = 0; half < after.length; half++) {
            int bits = Float.floatToRawIntBits(words[half / 2]);
            after[half] = (short) (half % 2 == 0 ? bits : bits >>> 16);
        }
        for (int half = 0; half < after.length; half++) {
            if (owner[half] != null) {
                float value = value(after, half, owner[half].type());
                double difference = Math.abs(value - expected[half]);
                if (!(difference <= allowed[half])) {
                    failAt(half, value);
                }
                half += owner[half].type().bytes() / HALF - 1;
            } else if (!free[half] && after[half] != before[half]) {
                fail(
                        "case "
                                + seed
                                + ": half word "
                                + half
                                + " belongs to no output, was "
                                + Integer.toHexString(before[half] & 0xFFFF)
                                + " and is "
                                + Integer.toHexString(after[half] & 0xFFFF));
            }
        }
    }

    private void failAt(int half, float actual) {
        Matrix m = owner[half];
        int index = (half - Math.toIntExact(m.offset() / HALF)) * HALF / m.type().bytes();
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
                        + expected[half]
                        + " within "
                        + allowed[half]);
    }

    @Override
    public void close() {
        if (arena != null) {
            arena.close();
        }
    }
}

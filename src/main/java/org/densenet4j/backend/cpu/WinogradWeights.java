package org.densenet4j.backend.cpu;

import jdk.incubator.vector.FloatVector;

import java.lang.foreign.MemorySegment;

/**
 * The weights of a 3x3 convolution in Winograd's domain, {@code U = G·g·Gᵀ} (6x6 for each pair of
 * channels), and back: the gradient {@code dg = Gᵀ·dU·G}. F(4x4, 3x3) of Lavin and Gray 2016 (arXiv
 * 1509.09308), section 4.3.
 *
 * <p>Weights g are [rows, 9, columns] and U is 36 matrices [rows, columns], float32, rows padded to
 * whole vectors and matrices as in {@link TileBuffers}. Which channels are rows and which are
 * columns is the caller's affair.
 */
final class WinogradWeights {
    private static final int LANES = StoredVector.LANES;
    private static final long STEP = 4L * LANES;
    private static final int HALF_DONE = 18;

    private final MemorySegment memory;

    WinogradWeights(MemorySegment memory) {
        this.memory = memory;
    }

    /** Bytes of temporary values that both directions need. */
    static long temporaryBytes() {
        return HALF_DONE * STEP;
    }

    private FloatVector floats(long at) {
        return StoredVector.load(true, memory, at);
    }

    private void set(FloatVector v, long at) {
        StoredVector.store(true, v, memory, at);
    }

    /**
     * {@code U = G·g·Gᵀ}.
     *
     * @param turned take g turned by 180 degrees
     */
    void transform(long g, int rows, int stride, boolean turned, long temporary, long u) {
        long tap = 4L * stride;
        long next = 4 * TileBuffers.matrixFloats(rows, stride);
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < stride; c += LANES) {
                long first = g + 9 * r * tap + 4L * c;
                if (turned) {
                    columns(first + 8 * tap, -tap, temporary);
                } else {
                    columns(first, tap, temporary);
                }
                rows(temporary, u + r * tap + 4L * c, next);
            }
        }
    }

    /** G times each of three columns: 6x3 values, a row of three behind the other. */
    private void columns(long g, long tap, long to) {
        for (int x = 0; x < 3; x++) {
            FloatVector a = floats(g + x * tap);
            FloatVector b = floats(g + (x + 3) * tap);
            FloatVector c = floats(g + (x + 6) * tap);
            expand(a, b, c, to + x * STEP, 3 * STEP);
        }
    }

    /** Each of six rows of three times Gᵀ. */
    private void rows(long from, long to, long next) {
        for (int y = 0; y < 6; y++) {
            FloatVector a = floats(from + 3 * y * STEP);
            FloatVector b = floats(from + (3 * y + 1) * STEP);
            FloatVector c = floats(from + (3 * y + 2) * STEP);
            expand(a, b, c, to + 6 * y * next, next);
        }
    }

    /** G times three values. */
    private void expand(FloatVector a, FloatVector b, FloatVector c, long to, long step) {
        FloatVector ends = a.add(c).mul(-1 / 6f);
        FloatVector middle = b.mul(1 / 6f);
        FloatVector ends2 = a.mul(1 / 24f).add(c.mul(1 / 6f));
        FloatVector middle2 = b.mul(1 / 12f);
        set(a.mul(0.25f), to);
        set(ends.sub(middle), to + step);
        set(ends.add(middle), to + 2 * step);
        set(ends2.add(middle2), to + 3 * step);
        set(ends2.sub(middle2), to + 4 * step);
        set(c, to + 5 * step);
    }

    /** {@code dg = Gᵀ·dU·G}, in the layout of g. */
    void gradient(long u, int rows, int stride, long temporary, long g) {
        long tap = 4L * stride;
        long next = 4 * TileBuffers.matrixFloats(rows, stride);
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < stride; c += LANES) {
                gradientColumns(u + r * tap + 4L * c, next, temporary);
                gradientRows(temporary, g + 9 * r * tap + 4L * c, tap);
            }
        }
    }

    /** Gᵀ times each of six columns: 3x6 values. */
    private void gradientColumns(long u, long next, long to) {
        for (int x = 0; x < 6; x++) {
            contract(u + x * next, 6 * next, to + x * STEP, 6 * STEP);
        }
    }

    /** Each of three rows of six times G. */
    private void gradientRows(long from, long to, long tap) {
        for (int y = 0; y < 3; y++) {
            contract(from + 6 * y * STEP, STEP, to + 3 * y * tap, tap);
        }
    }

    /** Gᵀ times six values. */
    private void contract(long from, long step, long to, long target) {
        FloatVector u1 = floats(from + step);
        FloatVector u2 = floats(from + 2 * step);
        FloatVector u3 = floats(from + 3 * step);
        FloatVector u4 = floats(from + 4 * step);
        FloatVector near = u1.add(u2).mul(1 / 6f);
        FloatVector far = u3.add(u4);
        set(floats(from).mul(0.25f).sub(near).add(far.mul(1 / 24f)), to);
        set(u2.sub(u1).mul(1 / 6f).add(u3.sub(u4).mul(1 / 12f)), to + target);
        set(far.mul(1 / 6f).sub(near).add(floats(from + 5 * step)), to + 2 * target);
    }
}

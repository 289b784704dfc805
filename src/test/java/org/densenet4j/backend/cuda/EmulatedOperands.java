package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import org.densenet4j.backend.Matrix;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;

/**
 * Random matrices of one case in host memory, for kernels that are emulated on it. Whatever belongs
 * to no matrix is NaN, so that reading it shows, and must stay as it is.
 */
final class EmulatedOperands implements AutoCloseable {
    private static final long BYTES = 4L << 20;
    private static final long SCRATCH_BYTES = 8L << 20;
    private static final int GAP = 64;

    final SplittableRandom random;
    private final Arena lifetime = Arena.ofConfined();
    private final MemorySegment memory = lifetime.allocate(BYTES + SCRATCH_BYTES + GAP, 256);
    private final Emulation emulation = Emulation.open();
    private long next = GAP;

    EmulatedOperands(long seed) {
        random = new SplittableRandom(seed);
        memory.fill((byte) -1);
    }

    ProductKernels products(int multiprocessors, long scratchBytes, boolean tensorFloat32) {
        assertTrue(scratchBytes <= SCRATCH_BYTES);
        return new ProductKernels(
                emulation, memory.address(), BYTES, scratchBytes, multiprocessors, tensorFloat32);
    }

    /** On a device that so many blocks fill. */
    CudaKernels kernels(int blocks) {
        return new CudaKernels(
                emulation,
                new SmallOperations(emulation, new GatheredLaunch(), false),
                memory.address(),
                BYTES,
                blocks);
    }

    /** Where half of all rows start on 16 bytes, the others anywhere. */
    Matrix normal(int rows, int columns) {
        boolean aligned = random.nextBoolean();
        long start = aligned ? (next + 15) & -16 : next + 4L * random.nextInt(4);
        int stride = columns + random.nextInt(6);
        return filled(Matrix.strided(start, rows, columns, aligned ? (stride + 3) & -4 : stride));
    }

    /** Without gaps between rows. */
    Matrix dense(int rows, int columns) {
        long start = random.nextBoolean() ? (next + 255) & -256 : next + 4L * random.nextInt(4);
        return filled(Matrix.dense(start, rows, columns));
    }

    private Matrix filled(Matrix m) {
        next = m.at(m.rows() - 1, m.columns()) + GAP;
        assertTrue(next <= BYTES, "the case is too large");
        for (int r = 0; r < m.rows(); r++) {
            for (int c = 0; c < m.columns(); c++) {
                set(m, r, c, (float) random.nextGaussian());
            }
        }
        return m;
    }

    float get(Matrix m, int row, int column) {
        return memory.get(JAVA_FLOAT, m.at(row, column));
    }

    void set(Matrix m, int row, int column, float value) {
        memory.set(JAVA_FLOAT, m.at(row, column), value);
    }

    float[] values(Matrix m) {
        float[] values = new float[m.rows() * m.columns()];
        for (int i = 0; i < values.length; i++) {
            values[i] = get(m, i / m.columns(), i % m.columns());
        }
        return values;
    }

    void set(Matrix m, float[] values) {
        for (int i = 0; i < values.length; i++) {
            set(m, i / m.columns(), i % m.columns(), values[i]);
        }
    }

    /** What is in scratch before a kernel must not matter. */
    void disturbScratch() {
        memory.asSlice(BYTES, SCRATCH_BYTES).fill((byte) random.nextInt(256));
    }

    /** Runs something that may write to {@code output} and to so much of the scratch only. */
    void writing(Matrix output, long scratchBytes, Runnable kernels) {
        MemorySegment expected = MemorySegment.ofArray(memory.toArray(JAVA_BYTE));
        kernels.run();
        for (int r = 0; r < output.rows(); r++) {
            long row = output.at(r, 0);
            MemorySegment.copy(memory, row, expected, row, 4L * output.columns());
        }
        MemorySegment.copy(memory, BYTES, expected, BYTES, scratchBytes);
        assertEquals(-1, memory.mismatch(expected), "the first byte written that is no output");
    }

    @Override
    public void close() {
        lifetime.close();
    }
}

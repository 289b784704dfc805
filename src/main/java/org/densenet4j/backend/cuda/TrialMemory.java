package org.densenet4j.backend.cuda;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.DeviceMemoryException;
import org.densenet4j.backend.Matrix;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Memory for a trial, and for nothing else: matrices one behind the other, then scratch. First
 * everything is asked for, then it is allocated and filled. Values are random, because zeros take
 * less of a device's power, and so let it run faster, than a network's values do.
 */
final class TrialMemory {
    private static final int ALIGNMENT = 256;

    /** Values that the host makes; the device repeats them down the rows. */
    private static final int MOST_UPLOADED = 1 << 18;

    private record Filled(Matrix matrix, double mean, double deviation) {}

    private final List<Filled> filled = new ArrayList<>();
    private long bytes;
    private long scratchBytes;

    /** Rows without gaps, as convolutions read them. */
    Matrix dense(int rows, int columns, DataType type) {
        return taken(Matrix.dense(bytes, rows, columns, type));
    }

    /** Rows so many elements apart. */
    Matrix strided(int rows, int columns, int stride, DataType type) {
        return taken(new Matrix(bytes, rows, columns, stride, type));
    }

    /** Floats without gaps. */
    Matrix floats(int rows, int columns) {
        return dense(rows, columns, DataType.FLOAT32);
    }

    /** So many bytes, as a vector of floats. */
    Matrix bytes(long count) {
        return floats(1, Math.toIntExact(Math.max(1, Math.ceilDiv(count, Float.BYTES))));
    }

    private Matrix taken(Matrix m) {
        bytes = Math.ceilDiv(bytes + m.storedBytes(), ALIGNMENT) * ALIGNMENT;
        return m;
    }

    /** The same matrix, which is given values of a normal distribution. */
    Matrix values(Matrix m, double mean, double deviation) {
        filled.add(new Filled(m, mean, deviation));
        return m;
    }

    /** Notes that something needs so much scratch. */
    void scratch(long needed) {
        scratchBytes = Math.max(scratchBytes, needed);
    }

    /**
     * Allocates and fills it all.
     *
     * @throws DeviceMemoryException when the device has not so much free
     */
    CudaArena allocate(CudaDevice device) {
        long all = bytes + scratchBytes + ALIGNMENT;
        long free = device.availableBytes();
        if (all > free) {
            throw new DeviceMemoryException(device.name(), all, free, null);
        }
        CudaArena arena = new CudaArena(device, all, bytes, scratchBytes);
        try {
            SplittableRandom random = new SplittableRandom(1);
            filled.forEach(f -> fill(arena, f, random));
            return arena;
        } catch (RuntimeException e) {
            throw Teardown.undo(List.of(arena), e);
        }
    }

    private static void fill(CudaArena arena, Filled f, SplittableRandom random) {
        Matrix m = f.matrix;
        int done = Math.clamp(MOST_UPLOADED / m.columns(), 1, m.rows());
        float[] values = new float[done * m.columns()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (f.mean + f.deviation * random.nextGaussian());
        }
        arena.upload(values, 0, m.rows(0, done));
        while (done < m.rows()) {
            int more = Math.min(done, m.rows() - done);
            arena.kernels().copy(m.rows(0, more), m.rows(done, more));
            done += more;
        }
    }
}

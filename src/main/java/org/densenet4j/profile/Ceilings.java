package org.densenet4j.profile;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.DeviceTimer;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;

import java.util.Objects;

/**
 * How fast a device is at best, measured on it: the two lines of a roofline (Williams, Waterman and
 * Patterson 2009, "Roofline: an insightful visual performance model").
 *
 * @param flopsPerSecond of matrix products, all lanes at work
 * @param bytesPerSecond of copying matrices too large for any cache, reads and writes counted
 */
public record Ceilings(double flopsPerSecond, double bytesPerSecond) {
    /** Rows, columns and depth of products to try: from cache-sized to large. */
    private static final int[][] PRODUCTS = {
        {1024, 256, 256}, {2048, 512, 512}, {4096, 1024, 1024}
    };

    private static final long COPY_BYTES = 256L << 20;
    private static final int COPY_COLUMNS = 256;
    private static final int COPY_CHUNKS = 64;
    private static final int REPETITIONS = 5;
    private static final double LEAST_SECONDS = 0.02;

    /**
     * Measures a device, in about a second; takes half a gigabyte for that time, or less where less
     * is available.
     *
     * @param device nothing else should run on it
     * @return FLOPs and bytes per second at best
     */
    public static Ceilings measure(Device device) {
        Objects.requireNonNull(device, "device");
        return new Ceilings(products(device), copies(device));
    }

    /**
     * {@return what an operation of this intensity can reach, in FLOP/s}
     *
     * @param flopsPerByte FLOPs for each byte that it moves
     */
    public double attainable(double flopsPerByte) {
        return Math.min(flopsPerSecond, flopsPerByte * bytesPerSecond);
    }

    private static double products(Device device) {
        double best = 0;
        for (int[] p : PRODUCTS) {
            best = Math.max(best, product(device, p[0], p[1], p[2]));
        }
        return best;
    }

    private static double product(Device device, int m, int n, int k) {
        int lanes = device.lanes();
        GemmShape shape = new GemmShape(m, n, k, k, n, n, false, false, false);
        long aBytes = 4L * m * k;
        long bBytes = 4L * k * n;
        long cBytes = 4L * m * n;
        long perLane = aBytes + bBytes + cBytes;
        long scratch = (device.scratchBytes(shape) + 63) & -64;
        try (DeviceArena arena =
                device.allocate(lanes * (perLane + scratch), lanes * perLane, scratch)) {
            for (int lane = 0; lane < lanes; lane++) {
                arena.kernels().fill(Matrix.dense(lane * perLane, m, k), 1f);
                arena.kernels().fill(Matrix.dense(lane * perLane + aBytes, k, n), 0.5f);
            }
            Runnable work =
                    () ->
                            device.forEachChunk(
                                    lanes,
                                    (lane, chunk) -> {
                                        long base = lane * perLane;
                                        arena.multiply(
                                                lane,
                                                shape,
                                                Matrix.dense(base, m, k),
                                                Matrix.dense(base + aBytes, k, n),
                                                Matrix.dense(base + aBytes + bBytes, m, n));
                                    });
            return lanes * shape.flops() / shortest(device, work);
        }
    }

    private static double copies(Device device) {
        long fits = Math.min(COPY_BYTES, device.availableBytes() / 8);
        int rows = (int) (fits / (4L * COPY_COLUMNS) / COPY_CHUNKS) * COPY_CHUNKS;
        long bytes = 4L * COPY_COLUMNS * rows;
        try (DeviceArena arena = device.allocate(2 * bytes, 2 * bytes, 0)) {
            Matrix source = Matrix.dense(0, rows, COPY_COLUMNS);
            Matrix target = Matrix.dense(bytes, rows, COPY_COLUMNS);
            int chunk = rows / COPY_CHUNKS;
            Runnable work =
                    () ->
                            device.forEachChunk(
                                    COPY_CHUNKS,
                                    (lane, c) ->
                                            arena.kernels()
                                                    .copy(
                                                            source.rows(c * chunk, chunk),
                                                            target.rows(c * chunk, chunk)));
            return 2.0 * bytes / shortest(device, work);
        }
    }

    /** Seconds of one run: the best of several repetitions, each long enough for the clock. */
    private static double shortest(Device device, Runnable work) {
        try (DeviceTimer timer = device.timer(2)) {
            int runs = 1;
            double best = Double.POSITIVE_INFINITY;
            for (int repetition = 0; repetition < REPETITIONS; ) {
                timer.mark(0);
                for (int r = 0; r < runs; r++) {
                    work.run();
                }
                timer.mark(1);
                double seconds = timer.seconds(0, 1);
                if (seconds < LEAST_SECONDS && runs < 1 << 20) {
                    runs *= 2;
                } else {
                    best = Math.min(best, seconds / runs);
                    repetition++;
                }
            }
            return best;
        }
    }
}

package org.densenet4j.data;

import org.jspecify.annotations.Nullable;

import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/**
 * How often each value occurs in each channel of a data set, as evaluation sees its images. Counts
 * are whole numbers, so that the result does not depend on threads.
 */
public final class PixelStatistics {
    private static final int VALUES = 256;

    private final long[][] counts;

    private PixelStatistics(int channels) {
        this.counts = new long[channels][VALUES];
    }

    /**
     * Reads a whole data set.
     *
     * @param data is read once
     * @param threads that read images, 1 or more
     * @param broken is told of each image that cannot be read, which is then left out; null when
     *     the first one ends it
     * @return the counts
     * @throws UncheckedIOException when an image cannot be read and is not to be left out
     * @throws IllegalArgumentException when there is no image that can be read
     */
    public static PixelStatistics of(Dataset data, int threads, @Nullable Consumer<String> broken) {
        Objects.requireNonNull(data, "data");
        if (threads < 1) {
            throw new IllegalArgumentException("threads = " + threads + ": use 1 or more");
        }
        AtomicInteger next = new AtomicInteger();
        List<Future<PixelStatistics>> parts = new ArrayList<>();
        PixelStatistics all = new PixelStatistics(data.channels());
        try (ExecutorService pool =
                Executors.newFixedThreadPool(
                        threads, Thread.ofPlatform().daemon().name("pixels-", 1).factory())) {
            for (int i = 0; i < threads; i++) {
                parts.add(pool.submit(() -> part(data, next, broken)));
            }
            for (Future<PixelStatistics> part : parts) {
                all.add(part.get());
            }
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw (Error) e.getCause();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while pixels were counted", e);
        }
        if (all.pixels() == 0) {
            throw new IllegalArgumentException("there is no image to measure pixels of");
        }
        return all;
    }

    private static PixelStatistics part(
            Dataset data, AtomicInteger next, @Nullable Consumer<String> broken) {
        PixelStatistics mine = new PixelStatistics(data.channels());
        byte[] pixels = new byte[data.height() * data.width() * data.channels()];
        for (int i = next.getAndIncrement(); i < data.size(); i = next.getAndIncrement()) {
            boolean ended = false;
            try {
                data.read(i, pixels);
                mine.count(pixels);
                ended = true;
            } catch (UncheckedIOException e) {
                if (broken == null || !Filling.isFaultOfTheImage(e)) {
                    throw e;
                }
                broken.accept(e.getCause().getMessage());
                ended = true;
            } finally {
                if (!ended) {
                    next.set(data.size()); // nobody reads on for nothing
                }
            }
        }
        return mine;
    }

    private void count(byte[] pixels) {
        int channels = counts.length;
        for (int p = 0; p < pixels.length; p++) {
            counts[p % channels][pixels[p] & 0xFF]++;
        }
    }

    private void add(PixelStatistics other) {
        for (int c = 0; c < counts.length; c++) {
            for (int v = 0; v < VALUES; v++) {
                counts[c][v] += other.counts[c][v];
            }
        }
    }

    private long pixels() {
        long sum = 0;
        for (long count : counts[0]) {
            sum += count;
        }
        return sum;
    }

    /** {@return mean and deviation of each channel, of values scaled to 0..1} */
    public Normalisation normalisation() {
        float[] mean = new float[counts.length];
        float[] deviation = new float[counts.length];
        double pixels = pixels();
        for (int c = 0; c < counts.length; c++) {
            double sum = 0;
            for (int v = 0; v < VALUES; v++) {
                sum += counts[c][v] * (v / 255.0);
            }
            double m = sum / pixels;
            double squares = 0;
            for (int v = 0; v < VALUES; v++) {
                squares += counts[c][v] * (v / 255.0 - m) * (v / 255.0 - m);
            }
            mean[c] = (float) m;
            deviation[c] = (float) Math.sqrt(Math.max(1e-12, squares / pixels));
        }
        return new Normalisation(mean, deviation);
    }
}

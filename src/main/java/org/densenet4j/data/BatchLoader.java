package org.densenet4j.data;

import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.SplittableRandom;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * Turns a data set into batches: shuffled, augmented, normalised, prepared ahead by a thread of its
 * own. The order and every draw are functions of (seed, epoch), so a run can be repeated and
 * resumed.
 *
 * <pre>{@code
 * BatchLoader loader = BatchLoader.of(data).batch(64).shuffle(seed).augment(Augmentation.CIFAR);
 * try (BatchLoader.Epoch batches = loader.epoch(0)) {
 *     for (Batch batch : batches) { ... }
 * }
 * }</pre>
 *
 * The loader is immutable; an epoch belongs to one thread.
 */
public final class BatchLoader {
    private final Dataset data;
    private final int batch;
    private final boolean shuffle;
    private final long seed;
    private final Augmentation augmentation;
    private final Normalisation normalisation;
    private final boolean dropLast;
    private final int prefetch;

    private BatchLoader(
            Dataset data,
            int batch,
            boolean shuffle,
            long seed,
            Augmentation augmentation,
            Normalisation normalisation,
            boolean dropLast,
            int prefetch) {
        this.data = data;
        this.batch = batch;
        this.shuffle = shuffle;
        this.seed = seed;
        this.augmentation = augmentation;
        this.normalisation = normalisation;
        this.dropLast = dropLast;
        this.prefetch = prefetch;
    }

    /** Batches of 64 in order, as they are, normalised by CIFAR-10's constants. */
    public static BatchLoader of(Dataset data) {
        return new BatchLoader(
                data, 64, false, 0, Augmentation.NONE, Normalisation.CIFAR10, false, 2);
    }

    /** Images per batch; the last one may have fewer. */
    public BatchLoader batch(int images) {
        if (images < 1) {
            throw new IllegalArgumentException("batch = " + images + ": use 1 or more");
        }
        return new BatchLoader(
                data, images, shuffle, seed, augmentation, normalisation, dropLast, prefetch);
    }

    /** Another random order in every epoch. */
    public BatchLoader shuffle(long newSeed) {
        return new BatchLoader(
                data, batch, true, newSeed, augmentation, normalisation, dropLast, prefetch);
    }

    /** Random changes to each image. */
    public BatchLoader augment(Augmentation value) {
        return new BatchLoader(
                data, batch, shuffle, seed, value, normalisation, dropLast, prefetch);
    }

    /** Mean and deviation to normalise by. */
    public BatchLoader normalise(Normalisation value) {
        if (value.mean().length != data.channels()) {
            throw new IllegalArgumentException(
                    "the normalisation has "
                            + value.mean().length
                            + " channels, the images have "
                            + data.channels());
        }
        return new BatchLoader(data, batch, shuffle, seed, augmentation, value, dropLast, prefetch);
    }

    /** Leaves out a last batch that is not full. */
    public BatchLoader dropLast(boolean on) {
        return new BatchLoader(
                data, batch, shuffle, seed, augmentation, normalisation, on, prefetch);
    }

    /** Batches prepared ahead. */
    public BatchLoader prefetch(int batches) {
        if (batches < 1) {
            throw new IllegalArgumentException("prefetch = " + batches + ": use 1 or more");
        }
        return new BatchLoader(
                data, batch, shuffle, seed, augmentation, normalisation, dropLast, batches);
    }

    /** Batches in an epoch. */
    public int batchesPerEpoch() {
        return dropLast ? data.size() / batch : Math.ceilDiv(data.size(), batch);
    }

    /** Starts preparing the batches of an epoch from its first batch. */
    public Epoch epoch(int epoch) {
        return epoch(epoch, 0);
    }

    /**
     * Starts preparing the batches of an epoch from batch {@code from}, to resume in its middle.
     */
    public Epoch epoch(int epoch, int from) {
        return new Epoch(epoch, from);
    }

    private int[] order(int epoch) {
        int[] order = new int[data.size()];
        for (int i = 0; i < order.length; i++) {
            order[i] = i;
        }
        if (shuffle) {
            SplittableRandom random = random(epoch, -1);
            for (int i = order.length - 1; i > 0; i--) {
                int j = random.nextInt(i + 1);
                int swap = order[i];
                order[i] = order[j];
                order[j] = swap;
            }
        }
        return order;
    }

    private SplittableRandom random(int epoch, int index) {
        return new SplittableRandom(
                seed + 0x9E3779B97F4A7C15L * (epoch + 1L) + 0xBF58476D1CE4E5B9L * (index + 2L));
    }

    private Batch batch(int[] order, int epoch, int number) {
        int first = number * batch;
        int count = Math.min(batch, data.size() - first);
        int imageSize = data.height() * data.width() * data.channels();
        byte[] pixels = new byte[imageSize];
        float[] images = new float[count * imageSize];
        int[] labels = new int[count];
        for (int i = 0; i < count; i++) {
            int index = order[first + i];
            data.read(index, pixels);
            labels[i] = data.label(index);
            augmentation.apply(
                    pixels,
                    data.height(),
                    data.width(),
                    data.channels(),
                    normalisation,
                    random(epoch, index),
                    images,
                    i * imageSize);
        }
        return new Batch(images, labels, data.height(), data.width(), data.channels());
    }

    /** The batches of one epoch. Close it to stop its thread; closing twice is allowed. */
    public final class Epoch implements Iterable<Batch>, Iterator<Batch>, AutoCloseable {
        private final ArrayBlockingQueue<Object> queue = new ArrayBlockingQueue<>(prefetch);
        private final Thread worker;
        private final int last;
        private int next;
        private long waitNanos;

        private Epoch(int epoch, int from) {
            next = from;
            last = batchesPerEpoch();
            worker =
                    Thread.ofPlatform()
                            .daemon()
                            .name("densenet4j-loader")
                            .start(() -> prepare(epoch, from));
        }

        private void prepare(int epoch, int from) {
            try {
                int[] order = order(epoch);
                for (int number = from; number < last; number++) {
                    queue.put(batch(order, epoch, number));
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            } catch (RuntimeException | Error e) {
                fail(e);
            }
        }

        private void fail(Throwable e) {
            try {
                queue.put(e);
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
            }
        }

        @Override
        public Iterator<Batch> iterator() {
            return this;
        }

        @Override
        public boolean hasNext() {
            return next < last;
        }

        @Override
        public Batch next() {
            if (!hasNext()) {
                throw new NoSuchElementException("the epoch has " + last + " batches");
            }
            long start = System.nanoTime();
            Object item;
            try {
                item = queue.poll();
                while (item == null) {
                    if (!worker.isAlive() && queue.isEmpty()) {
                        throw new IllegalStateException("the epoch is closed");
                    }
                    item = queue.poll(100, TimeUnit.MILLISECONDS);
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("interrupted while waiting for a batch", e);
            }
            waitNanos += System.nanoTime() - start;
            if (item instanceof Batch batch) {
                next++;
                return batch;
            }
            throw new IllegalStateException(
                    "preparing a batch failed: " + ((Throwable) item).getMessage(),
                    (Throwable) item);
        }

        /** Time that the caller waited for batches, in seconds. */
        public double inputWaitSeconds() {
            return waitNanos / 1e9;
        }

        @Override
        public void close() {
            worker.interrupt();
            queue.clear();
            try {
                worker.join(1000);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            queue.clear();
        }
    }
}

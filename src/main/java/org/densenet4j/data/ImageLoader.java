package org.densenet4j.data;

import org.densenet4j.random.PhiloxRandom;
import org.jspecify.annotations.Nullable;

import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/**
 * What loaders of images have in common: a shuffled order, threads of their own that prepare
 * batches ahead, and what becomes of broken images. The order and every draw are functions of
 * (seed, epoch, index), so a run can be repeated and resumed, with any number of threads.
 *
 * <p>A loader is immutable; an epoch belongs to one thread.
 *
 * @param <L> the loader
 * @param <B> its batches
 */
public abstract sealed class ImageLoader<L extends ImageLoader<L, B>, B>
        permits BatchLoader, SegmentationLoader, DetectionLoader {
    /** Purpose of the draws that order an epoch. */
    static final int ORDER = 1;

    /** Purpose of the draws that change images. */
    static final int AUGMENTATION = 2;

    /** Purpose of the draws that mix images. */
    static final int MIXING = 3;

    /**
     * Purpose of the draws of changes that came later: runs of before have none, and draw the
     * others as they did.
     */
    static final int FURTHER_AUGMENTATION = 4;

    /** Behind the last batch of an epoch. */
    private static final Object END = new Object();

    /** Never changed once a loader has it. */
    static final class Settings implements Cloneable {
        int batch = 64;
        boolean shuffle;
        long seed;
        boolean dropLast;
        int shard;
        int shards = 1;
        int prefetch = 2;
        int threads = 1;
        @Nullable Consumer<String> skipped;

        @Override
        protected Settings clone() {
            try {
                return (Settings) super.clone();
            } catch (CloneNotSupportedException e) {
                throw new AssertionError(e);
            }
        }
    }

    final Settings settings;

    /** Broken images that have been named already. */
    final Set<Integer> broken;

    private final int images;

    /**
     * @param images of the data set
     * @param broken shared by a loader and those made from it
     */
    ImageLoader(int images, Settings settings, Set<Integer> broken) {
        this.images = images;
        this.settings = settings;
        this.broken = broken;
    }

    /** The same loader with other settings. */
    abstract L copy(Settings changed);

    /**
     * Images of one batch.
     *
     * @param indices in the data set
     * @param places of these in the order of the epoch
     */
    abstract Filling.Content<B> batch(int[] indices, int[] places, int epoch);

    private L with(Consumer<Settings> change) {
        Settings changed = settings.clone();
        change.accept(changed);
        return copy(changed);
    }

    /**
     * Images per batch; the last one may have fewer.
     *
     * @param images 1 or more
     * @return a loader with this setting; this one stays as it is
     */
    public L batch(int images) {
        if (images < 1) {
            throw new IllegalArgumentException("batch = " + images + ": use 1 or more");
        }
        return with(s -> s.batch = images);
    }

    /**
     * Another random order in every epoch.
     *
     * @param seed of the order and of what is drawn for each image
     * @return a loader with this setting; this one stays as it is
     */
    public L shuffle(long seed) {
        return shuffled(true, seed);
    }

    /**
     * Seed of the augmentation; the order stays as it is.
     *
     * @param seed of the order and of what is drawn for each image
     * @return a loader with this setting; this one stays as it is
     */
    public L seed(long seed) {
        return shuffled(settings.shuffle, seed);
    }

    private L shuffled(boolean shuffle, long seed) {
        return with(
                s -> {
                    s.shuffle = shuffle;
                    s.seed = seed;
                });
    }

    /**
     * Leaves out a last batch that is not full.
     *
     * @param on off unless told
     * @return a loader with this setting; this one stays as it is
     */
    public L dropLast(boolean on) {
        return with(s -> s.dropLast = on);
    }

    /**
     * One of several equal shares of every batch, for processes that train together: in order, one
     * behind the other, they are the whole batch, and what is drawn for an image does not depend on
     * them. Where images are fewer than shares would need, some have one image less than others,
     * and where they are fewer than shares, some have no batch.
     *
     * @param number of the share, from 0, such as a rank
     * @param count of shares, such as the number of ranks
     * @return a loader with this setting; this one stays as it is
     */
    public L shard(int number, int count) {
        if (number < 0 || number >= count) {
            throw new IllegalArgumentException(
                    "shard = " + number + " of " + count + ": use 0 to one less than the number");
        }
        return with(
                s -> {
                    s.shard = number;
                    s.shards = count;
                });
    }

    /**
     * Batches prepared ahead.
     *
     * @param batches 1 or more; each takes the memory of a batch
     * @return a loader with this setting; this one stays as it is
     */
    public L prefetch(int batches) {
        if (batches < 1) {
            throw new IllegalArgumentException("prefetch = " + batches + ": use 1 or more");
        }
        return with(s -> s.prefetch = batches);
    }

    /**
     * Threads that read and augment images.
     *
     * @param count 1 to 256; what they make does not depend on it
     * @return a loader with this setting; this one stays as it is
     */
    public L threads(int count) {
        if (count < 1 || count > 256) {
            throw new IllegalArgumentException(
                    "loader threads = " + count + ": use a number from 1 to 256");
        }
        return with(s -> s.threads = count);
    }

    /**
     * Skips images that cannot be read, so that their batch has fewer, instead of stopping. A lack
     * of memory is not taken for a broken image.
     *
     * @param report is told about each of them once, in one line, by a loader thread
     * @return a loader with this setting; this one stays as it is
     */
    public L skipBroken(Consumer<String> report) {
        Objects.requireNonNull(report, "report");
        return with(s -> s.skipped = report);
    }

    /** {@return images that were skipped so far by this loader and those made from it} */
    public int skippedImages() {
        return broken.size();
    }

    /** {@return batches in an epoch, if no image is broken} */
    public int batchesPerEpoch() {
        return settings.dropLast ? images / settings.batch : Math.ceilDiv(images, settings.batch);
    }

    /**
     * Starts preparing the batches of an epoch from its first batch.
     *
     * @param epoch its number, from 0, which decides its order and its draws
     * @return the batches, to be closed
     */
    public abstract Prefetched epoch(int epoch);

    /**
     * Starts preparing the batches of an epoch from batch {@code from}, to resume in its middle.
     *
     * @param epoch its number, from 0, which decides its order and its draws
     * @param from a {@link Prefetched#position}
     * @return the batches from there on, to be closed
     */
    public abstract Prefetched epoch(int epoch, int from);

    /** The images of an epoch in order, with {@link #images} places. */
    int[] order(int epoch) {
        int[] order = new int[images];
        for (int i = 0; i < order.length; i++) {
            order[i] = i;
        }
        if (settings.shuffle) {
            BalancedOrder.shuffle(order, new PhiloxRandom(settings.seed, ORDER, epoch, 0));
        }
        return order;
    }

    /** A batch and the number of the next one. */
    private record Numbered<B>(B batch, int position) {}

    /** The batches of one epoch. Close it to stop its threads; closing twice is allowed. */
    public abstract class Prefetched implements Iterable<B>, Iterator<B>, AutoCloseable {
        private final ArrayBlockingQueue<Object> queue =
                new ArrayBlockingQueue<>(settings.prefetch);
        private final @Nullable ExecutorService helpers;
        private final Thread worker;
        private volatile boolean closed;
        private @Nullable Object item;
        private int position;
        private long waitNanos;

        Prefetched(int epoch, int from) {
            if (epoch < 0) {
                throw new IllegalArgumentException("epoch = " + epoch + ": use 0 or a later one");
            }
            if (from < 0) {
                throw new IllegalArgumentException("from = " + from + ": use 0 or a later batch");
            }
            position = from;
            helpers =
                    settings.threads == 1
                            ? null
                            : Executors.newFixedThreadPool(
                                    settings.threads - 1,
                                    Thread.ofPlatform()
                                            .daemon()
                                            .name("densenet4j-loader-", 1)
                                            .factory());
            worker =
                    Thread.ofPlatform()
                            .daemon()
                            .name("densenet4j-loader")
                            .start(() -> prepare(epoch, from));
        }

        boolean isClosed() {
            return closed;
        }

        /** Stops at an image that cannot be read, or names it once. */
        void broken(int index, UncheckedIOException e) {
            if (settings.skipped == null) {
                throw e;
            }
            if (broken.add(index)) {
                settings.skipped.accept(e.getCause().getMessage());
            }
        }

        private void prepare(int epoch, int from) {
            try {
                int[] order = order(epoch);
                for (int number = from; number < batchesPerEpoch() && !closed; number++) {
                    int first = number * settings.batch;
                    int end = Math.min(first + settings.batch, order.length);
                    int[] places = share(first, end);
                    int[] indices = Arrays.stream(places).map(place -> order[place]).toArray();
                    @Nullable B batch =
                            fill(new Filling<>(indices, batch(indices, places, epoch), this));
                    if (batch != null) {
                        put(new Numbered<>(batch, number + 1));
                    }
                }
                put(END);
            } catch (RuntimeException | Error e) {
                put(e);
            }
        }

        /** The places of a batch that are this process's. */
        private int[] share(int first, int end) {
            long images = end - first;
            return IntStream.range(
                            first + (int) (images * settings.shard / settings.shards),
                            first + (int) (images * (settings.shard + 1) / settings.shards))
                    .toArray();
        }

        /** Does nothing once the epoch is closed. An interrupt alone does not end an epoch. */
        private void put(Object made) {
            while (!closed) {
                try {
                    queue.put(made);
                    return;
                } catch (InterruptedException e) {
                    continue; // closed, or a data set has interrupted its thread
                }
            }
        }

        private @Nullable B fill(Filling<B> filling) {
            if (helpers == null) {
                filling.work();
                return filling.finish();
            }
            Callable<Void> work = filling::work;
            Future<?>[] helping = new Future<?>[settings.threads - 1];
            for (int i = 0; i < helping.length; i++) {
                helping[i] = helpers.submit(work);
            }
            try {
                filling.work();
            } finally {
                for (Future<?> helper : helping) {
                    join(helper);
                }
            }
            return filling.finish();
        }

        private void join(Future<?> helper) {
            while (!closed) {
                try {
                    helper.get();
                    return;
                } catch (InterruptedException e) {
                    continue; // closed, or a data set has interrupted its thread
                } catch (ExecutionException e) {
                    if (e.getCause() instanceof RuntimeException cause) {
                        throw cause;
                    }
                    throw (Error) e.getCause();
                }
            }
        }

        @Override
        public Iterator<B> iterator() {
            return this;
        }

        /**
         * Whether there is another batch; waits for it.
         *
         * @throws UncheckedIOException when an image cannot be read and is not to be skipped, or
         *     the heap is too small for it
         * @throws Error what the JVM threw while a batch was prepared, such as an OutOfMemoryError
         * @throws IllegalStateException when the epoch is closed
         */
        @Override
        public boolean hasNext() {
            if (item == null) {
                item = take();
            }
            if (item instanceof UncheckedIOException e
                    && (JvmErrors.in(e) == null || e.getCause() instanceof ImageMemoryException)) {
                throw new UncheckedIOException(e.getMessage(), e.getCause());
            }
            if (item instanceof Throwable e) {
                Error error = JvmErrors.in(e);
                if (error != null) {
                    throw error;
                }
                String reason = e.getMessage() == null ? e.toString() : e.getMessage();
                throw new IllegalStateException("preparing a batch failed: " + reason, e);
            }
            return item != END;
        }

        private Object take() {
            long start = System.nanoTime();
            try {
                Object taken = queue.poll();
                while (taken == null) {
                    if (!worker.isAlive() && queue.isEmpty()) {
                        throw new IllegalStateException("the epoch is closed");
                    }
                    taken = queue.poll(100, TimeUnit.MILLISECONDS);
                }
                return taken;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("interrupted while waiting for a batch", e);
            } finally {
                waitNanos += System.nanoTime() - start;
            }
        }

        @Override
        public B next() {
            if (!hasNext()) {
                throw new NoSuchElementException("the epoch has no more batches");
            }
            @SuppressWarnings("unchecked") // nothing else is put
            Numbered<B> numbered = (Numbered<B>) item;
            item = null;
            position = numbered.position();
            return numbered.batch();
        }

        /** {@return where to resume behind the batch that {@link #next} gave last} */
        public int position() {
            return position;
        }

        /** {@return time that the caller waited for batches, in seconds} */
        public double inputWaitSeconds() {
            return waitNanos / 1e9;
        }

        @Override
        public void close() {
            closed = true;
            worker.interrupt();
            if (helpers != null) {
                helpers.shutdownNow();
            }
            queue.clear();
            item = null;
            try {
                worker.join(1000);
                if (helpers != null) {
                    helpers.awaitTermination(1, TimeUnit.SECONDS); // daemons: no longer than that
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            queue.clear();
        }
    }
}

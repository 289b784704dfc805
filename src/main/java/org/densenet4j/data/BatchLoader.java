package org.densenet4j.data;

import org.densenet4j.random.PhiloxRandom;

import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;

/**
 * Turns a data set into batches: shuffled, augmented, normalised, prepared ahead by threads of its
 * own. The order and every draw are functions of (seed, epoch, index), so a run can be repeated and
 * resumed, with any number of threads.
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
    private static final int ORDER = 1;
    private static final int AUGMENTATION = 2;

    /** Behind the last batch of an epoch. */
    private static final Object END = new Object();

    /** Never changed once a loader has it. */
    private static final class Settings implements Cloneable {
        int batch = 64;
        boolean shuffle;
        long seed;
        Augmentation augmentation = Augmentation.NONE;
        Normalisation normalisation = Normalisation.CIFAR10;
        boolean dropLast;
        int prefetch = 2;
        int threads = 1;
        Consumer<String> skipped;

        @Override
        protected Settings clone() {
            try {
                return (Settings) super.clone();
            } catch (CloneNotSupportedException e) {
                throw new AssertionError(e);
            }
        }
    }

    private final Dataset data;
    private final Settings settings;
    private final ImageMetadata metadata;

    /** Broken images that have been named already. */
    private final Set<Integer> broken;

    private BatchLoader(Dataset data, Settings settings, Set<Integer> broken) {
        this.data = data;
        this.settings = settings;
        this.broken = broken;
        List<String> names = data.classNames();
        this.metadata =
                new ImageMetadata(
                        names.isEmpty() ? Optional.empty() : Optional.of(names),
                        Optional.of(settings.normalisation),
                        data.exifOrientation());
    }

    private BatchLoader with(Consumer<Settings> change) {
        Settings changed = settings.clone();
        change.accept(changed);
        return new BatchLoader(data, changed, broken);
    }

    /** Batches of 64 in order, as they are, normalised by CIFAR-10's constants, by one thread. */
    public static BatchLoader of(Dataset data) {
        Objects.requireNonNull(data, "data");
        return new BatchLoader(data, new Settings(), ConcurrentHashMap.newKeySet());
    }

    /**
     * With labels that index the classes of a network, matched by name.
     *
     * @param classNames of the network, in the order of its logits
     * @throws IllegalArgumentException when images are of classes that the network does not know
     */
    public BatchLoader relabelled(List<String> classNames) {
        Objects.requireNonNull(classNames, "classNames");
        return new BatchLoader(RelabelledDataset.of(data, classNames), settings, broken);
    }

    /** Names of the classes that labels index. */
    public List<String> classNames() {
        return data.classNames();
    }

    /** What the batches tell of their images. */
    public ImageMetadata metadata() {
        return metadata;
    }

    /** Images per batch; the last one may have fewer. */
    public BatchLoader batch(int images) {
        if (images < 1) {
            throw new IllegalArgumentException("batch = " + images + ": use 1 or more");
        }
        return with(s -> s.batch = images);
    }

    /** Another random order in every epoch. */
    public BatchLoader shuffle(long seed) {
        return shuffled(true, seed);
    }

    /** Seed of the augmentation; the order stays as it is. */
    public BatchLoader seed(long seed) {
        return shuffled(settings.shuffle, seed);
    }

    private BatchLoader shuffled(boolean shuffle, long seed) {
        return with(
                s -> {
                    s.shuffle = shuffle;
                    s.seed = seed;
                });
    }

    /** Random changes to each image. */
    public BatchLoader augment(Augmentation value) {
        Objects.requireNonNull(value, "augmentation");

        return with(s -> s.augmentation = value);
    }

    /** Mean and deviation to normalise by. */
    public BatchLoader normalise(Normalisation value) {
        Objects.requireNonNull(value, "normalise");
        if (value.mean().length != data.channels()) {
            throw new IllegalArgumentException(
                    "the normalisation has "
                            + value.mean().length
                            + " channels, the images have "
                            + data.channels());
        }
        return with(s -> s.normalisation = value);
    }

    /** Leaves out a last batch that is not full. */
    public BatchLoader dropLast(boolean on) {
        return with(s -> s.dropLast = on);
    }

    /** Batches prepared ahead. */
    public BatchLoader prefetch(int batches) {
        if (batches < 1) {
            throw new IllegalArgumentException("prefetch = " + batches + ": use 1 or more");
        }
        return with(s -> s.prefetch = batches);
    }

    /** Threads that read and augment images. */
    public BatchLoader threads(int count) {
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
     */
    public BatchLoader skipBroken(Consumer<String> report) {
        Objects.requireNonNull(report, "report");
        return with(s -> s.skipped = report);
    }

    /** Images that were skipped so far by this loader and those made from it. */
    public int skippedImages() {
        return broken.size();
    }

    /** Batches in an epoch, if no image is broken. */
    public int batchesPerEpoch() {
        return settings.dropLast
                ? data.size() / settings.batch
                : Math.ceilDiv(data.size(), settings.batch);
    }

    /** Starts preparing the batches of an epoch from its first batch. */
    public Epoch epoch(int epoch) {
        return epoch(epoch, 0);
    }

    /**
     * Starts preparing the batches of an epoch from batch {@code from}, to resume in its middle.
     *
     * @param from a {@link Epoch#position}
     */
    public Epoch epoch(int epoch, int from) {
        if (from < 0) {
            throw new IllegalArgumentException("from = " + from + ": use 0 or a later batch");
        }
        return new Epoch(epoch, from);
    }

    private int[] order(int epoch) {
        int[] order = new int[data.size()];
        for (int i = 0; i < order.length; i++) {
            order[i] = i;
        }
        if (settings.shuffle) {
            RandomGenerator random = new PhiloxRandom(settings.seed, ORDER, epoch, 0);
            for (int i = order.length - 1; i > 0; i--) {
                int j = random.nextInt(i + 1);
                int swap = order[i];
                order[i] = order[j];
                order[j] = swap;
            }
        }
        return order;
    }

    /** Neither a small heap nor a share that was unmounted must decide what is trained on. */
    private static boolean isNoFaultOfTheImage(UncheckedIOException e) {
        return JvmErrors.in(e) != null
                || e.getCause() instanceof ImageMemoryException
                || e.getCause() instanceof FolderGoneException;
    }

    /** A batch that is being filled, image by image, by several threads. */
    private final class Filling {
        final int epoch;
        final int[] indices;
        final int imageSize = data.height() * data.width() * data.channels();
        final float[] images;
        final boolean[] there;
        final BooleanSupplier closed;
        final AtomicInteger next = new AtomicInteger();

        Filling(int[] order, int epoch, int number, BooleanSupplier closed) {
            int first = number * settings.batch;
            this.epoch = epoch;
            this.closed = closed;
            this.indices =
                    Arrays.copyOfRange(
                            order, first, Math.min(first + settings.batch, order.length));
            this.images = new float[Math.multiplyExact(indices.length, imageSize)];
            this.there = new boolean[indices.length];
        }

        /** Takes images until there are none left, or the epoch is closed. */
        Void work() {
            for (int i = next.getAndIncrement();
                    i < indices.length && !closed.getAsBoolean();
                    i = next.getAndIncrement()) {
                take(i);
                // A data set may leave its thread interrupted, which says nothing to this loop and
                // would make a file of the next image fail.
                Thread.interrupted();
            }
            return null;
        }

        private void take(int i) {
            try {
                read(indices[i], i * imageSize);
                there[i] = true;
            } catch (UncheckedIOException e) {
                if (closed.getAsBoolean()) {
                    return; // closing interrupts what is being read
                }
                if (settings.skipped == null || isNoFaultOfTheImage(e)) {
                    throw e;
                }
                if (broken.add(indices[i])) {
                    settings.skipped.accept(e.getCause().getMessage());
                }
            }
        }

        private void read(int index, int at) {
            if (settings.augmentation.cropsFreely()) {
                var unused =
                        data.image(
                                index,
                                image -> {
                                    augment(image, index, at);
                                    return image;
                                });
                return;
            }
            byte[] pixels = new byte[imageSize];
            data.read(index, pixels);
            augment(new Image(data.height(), data.width(), data.channels(), pixels), index, at);
        }

        private void augment(Image image, int index, int at) {
            settings.augmentation.apply(
                    image,
                    data.height(),
                    data.width(),
                    settings.normalisation,
                    new PhiloxRandom(settings.seed, AUGMENTATION, epoch, index),
                    images,
                    at);
        }

        /** The images that could be read, or null when there are none. */
        Batch finish() {
            int count = 0;
            int[] labels = new int[indices.length];
            for (int i = 0; i < indices.length; i++) {
                if (there[i]) {
                    System.arraycopy(images, i * imageSize, images, count * imageSize, imageSize);
                    labels[count++] = data.label(indices[i]);
                }
            }
            if (count == 0) {
                return null;
            }
            boolean all = count == indices.length;
            return new Batch(
                    all ? images : Arrays.copyOf(images, count * imageSize),
                    all ? labels : Arrays.copyOf(labels, count),
                    data.height(),
                    data.width(),
                    data.channels(),
                    metadata);
        }
    }

    /** A batch and the number of the next one. */
    private record Numbered(Batch batch, int position) {}

    /** The batches of one epoch. Close it to stop its threads; closing twice is allowed. */
    public final class Epoch implements Iterable<Batch>, Iterator<Batch>, AutoCloseable {
        private final ArrayBlockingQueue<Object> queue =
                new ArrayBlockingQueue<>(settings.prefetch);
        private final ExecutorService helpers;
        private final Thread worker;
        private volatile boolean closed;
        private Object item;
        private int position;
        private long waitNanos;

        private Epoch(int epoch, int from) {
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

        private void prepare(int epoch, int from) {
            try {
                int[] order = order(epoch);
                for (int number = from; number < batchesPerEpoch() && !closed; number++) {
                    Batch batch = fill(new Filling(order, epoch, number, () -> closed));
                    if (batch != null) {
                        put(new Numbered(batch, number + 1));
                    }
                }
                put(END);
            } catch (RuntimeException | Error e) {
                put(e);
            }
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

        private Batch fill(Filling filling) {
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
        public Iterator<Batch> iterator() {
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
        public Batch next() {
            if (!hasNext()) {
                throw new NoSuchElementException("the epoch has no more batches");
            }
            Numbered numbered = (Numbered) item;
            item = null;
            position = numbered.position();
            return numbered.batch();
        }

        /** Where to resume behind the batch that {@link #next} gave last. */
        public int position() {
            return position;
        }

        /** Time that the caller waited for batches, in seconds. */
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

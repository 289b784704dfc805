package org.densenet4j.data;

import org.densenet4j.random.PhiloxRandom;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

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
public final class BatchLoader extends ImageLoader<BatchLoader, Batch> {
    private final Dataset data;
    private final Augmentation augmentation;
    private final Normalisation normalisation;
    private final boolean balanced;
    private final ImageMetadata metadata;

    private BatchLoader(
            Dataset data,
            Settings settings,
            Augmentation augmentation,
            Normalisation normalisation,
            boolean balanced,
            Set<Integer> broken) {
        super(data.size(), settings, broken);
        this.data = data;
        this.balanced = balanced;
        this.augmentation = augmentation;
        this.normalisation = normalisation;
        List<String> names = data.classNames();
        this.metadata =
                new ImageMetadata(
                        names.isEmpty() ? Optional.empty() : Optional.of(names),
                        Optional.of(normalisation),
                        data.exifOrientation(),
                        Optional.empty(),
                        data.resizing());
    }

    @Override
    BatchLoader copy(Settings changed) {
        return new BatchLoader(data, changed, augmentation, normalisation, balanced, broken);
    }

    /**
     * Batches of 64 in order, as they are, normalised by CIFAR-10's constants, by one thread.
     *
     * @param data read by the loader's threads
     * @return a loader, whose methods give others with other settings
     */
    public static BatchLoader of(Dataset data) {
        Objects.requireNonNull(data, "data");
        return new BatchLoader(
                data,
                new Settings(),
                Augmentation.NONE,
                Normalisation.CIFAR10,
                false,
                ConcurrentHashMap.newKeySet());
    }

    /**
     * With labels that index the classes of a network, matched by name.
     *
     * @param classNames of the network, in the order of its logits
     * @return a loader with this setting; this one stays as it is
     * @throws IllegalArgumentException when images are of classes that the network does not know
     */
    public BatchLoader relabelled(List<String> classNames) {
        Objects.requireNonNull(classNames, "classNames");
        return new BatchLoader(
                RelabelledDataset.of(data, classNames),
                settings,
                augmentation,
                normalisation,
                balanced,
                broken);
    }

    /** {@return names of the classes that labels index} */
    public List<String> classNames() {
        return data.classNames();
    }

    /** {@return what the batches tell of their images} */
    public ImageMetadata metadata() {
        return metadata;
    }

    /**
     * Random changes to each image.
     *
     * @param value how images are changed, by draws of their own in each epoch
     * @return a loader with this setting; this one stays as it is
     */
    public BatchLoader augment(Augmentation value) {
        Objects.requireNonNull(value, "augmentation");
        return new BatchLoader(data, settings, value, normalisation, balanced, broken);
    }

    /**
     * Mean and deviation to normalise by.
     *
     * @param value of as many channels as the images
     * @return a loader with this setting; this one stays as it is
     */
    public BatchLoader normalise(Normalisation value) {
        Objects.requireNonNull(value, "normalise");
        if (value.mean().length != data.channels()) {
            throw new IllegalArgumentException(
                    "the normalisation has "
                            + value.mean().length
                            + " channels, the images have "
                            + data.channels());
        }
        return new BatchLoader(data, settings, augmentation, value, balanced, broken);
    }

    /**
     * Every class equally often in every epoch, whatever number of images it has: an epoch has as
     * many images as the set, those of small classes come several times, and some of those of large
     * classes wait for a later epoch. Images are shuffled, by the seed that {@link #shuffle} gave.
     *
     * @param on off unless told
     * @return a loader with this setting; this one stays as it is
     */
    public BatchLoader balanced(boolean on) {
        return new BatchLoader(data, settings, augmentation, normalisation, on, broken);
    }

    @Override
    int[] order(int epoch) {
        if (balanced) {
            return BalancedOrder.of(data, settings.seed, ORDER, epoch);
        }
        List<Integer> shards = data.shardStarts();
        return settings.shuffle && !shards.isEmpty()
                ? ShardedOrder.of(data.size(), shards, settings.seed, ORDER, epoch)
                : super.order(epoch);
    }

    @Override
    public Epoch epoch(int epoch) {
        return epoch(epoch, 0);
    }

    @Override
    public Epoch epoch(int epoch, int from) {
        return new Epoch(epoch, from);
    }

    /** The batches of one epoch. Close it to stop its threads; closing twice is allowed. */
    public final class Epoch extends Prefetched {
        private Epoch(int epoch, int from) {
            super(epoch, from);
        }
    }

    @Override
    Filling.Content<Batch> batch(int[] indices, int epoch) {
        return new Content(indices, epoch);
    }

    /** Images of one batch that are read and augmented. */
    private final class Content implements Filling.Content<Batch> {
        final int imageSize = data.height() * data.width() * data.channels();
        final int[] indices;
        final int epoch;
        final float[] images;

        Content(int[] indices, int epoch) {
            this.indices = indices;
            this.epoch = epoch;
            this.images = new float[Math.multiplyExact(indices.length, imageSize)];
        }

        @Override
        public void read(int index, int place) {
            int at = place * imageSize;
            if (augmentation.cropsFreely()) {
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
            augmentation.apply(
                    image,
                    data.height(),
                    data.width(),
                    normalisation,
                    new PhiloxRandom(settings.seed, AUGMENTATION, epoch, index),
                    new PhiloxRandom(settings.seed, FURTHER_AUGMENTATION, epoch, index),
                    images,
                    at);
        }

        @Override
        public Batch finish(boolean[] there) {
            int count = 0;
            int[] labels = new int[indices.length];
            int[] read = new int[indices.length];
            for (int i = 0; i < indices.length; i++) {
                if (there[i]) {
                    System.arraycopy(images, i * imageSize, images, count * imageSize, imageSize);
                    labels[count] = data.label(indices[i]);
                    read[count++] = indices[i];
                }
            }
            boolean all = count == indices.length;
            return new Batch(
                    all ? images : Arrays.copyOf(images, count * imageSize),
                    all ? labels : Arrays.copyOf(labels, count),
                    all ? read : Arrays.copyOf(read, count),
                    data.height(),
                    data.width(),
                    data.channels(),
                    metadata);
        }
    }
}

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
    private final Mixing mixing;
    private final boolean balanced;
    private final ImageMetadata metadata;

    private BatchLoader(
            Dataset data,
            Settings settings,
            Augmentation augmentation,
            Normalisation normalisation,
            Mixing mixing,
            boolean balanced,
            Set<Integer> broken) {
        super(data.size(), settings, broken);
        this.data = data;
        this.balanced = balanced;
        this.augmentation = augmentation;
        this.normalisation = normalisation;
        this.mixing = mixing;
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
        return new BatchLoader(
                data, changed, augmentation, normalisation, mixing, balanced, broken);
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
                Mixing.NONE,
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
                mixing,
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
        return new BatchLoader(data, settings, value, normalisation, mixing, balanced, broken);
    }

    /**
     * Mean and deviation to normalise by.
     *
     * @param value of as many channels as the images
     * @return a loader with this setting; this one stays as it is
     */
    public BatchLoader normalise(Normalisation value) {
        Objects.requireNonNull(value, "normalise").requireChannels(data.channels());
        return new BatchLoader(data, settings, augmentation, value, mixing, balanced, broken);
    }

    /**
     * Mixes the images of each batch, behind augmentation and normalisation; batches of images with
     * one class have {@link Batch#targets} then. Shares of a batch are mixed by themselves.
     *
     * @param value how images are mixed, by draws of their own for each batch of an epoch
     * @return a loader with this setting; this one stays as it is
     * @throws IllegalArgumentException when images are labelled with numbers, of which mixed ones
     *     say nothing
     */
    public BatchLoader mix(Mixing value) {
        Objects.requireNonNull(value, "value");
        if (!value.isNone() && data.task() == Task.REGRESS) {
            throw new IllegalArgumentException(
                    "mixed images have no numbers; mixup and CutMix are for classes and labels");
        }
        return new BatchLoader(
                data, settings, augmentation, normalisation, value, balanced, broken);
    }

    /**
     * Every class equally often in every epoch, whatever number of images it has: an epoch has as
     * many images as the set, those of small classes come several times, and some of those of large
     * classes wait for a later epoch. Images are shuffled, by the seed that {@link #shuffle} gave.
     *
     * @param on off unless told
     * @return a loader with this setting; this one stays as it is
     * @throws IllegalArgumentException when images are labelled with vectors
     */
    public BatchLoader balanced(boolean on) {
        if (on && data.task().isOfVectors()) {
            throw new IllegalArgumentException(
                    "images with vectors of targets have no class to balance; leave balanced"
                            + " sampling out");
        }
        return new BatchLoader(data, settings, augmentation, normalisation, mixing, on, broken);
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
    Filling.Content<Batch> batch(int[] indices, int[] places, int epoch) {
        // An image that comes again in an epoch is another one each time.
        return new Content(indices, balanced ? places : indices, epoch);
    }

    /** Images of one batch that are read and augmented. */
    private final class Content implements Filling.Content<Batch> {
        final int imageSize = data.height() * data.width() * data.channels();
        final int[] indices;

        /** What the draws of each image are counted by. */
        final int[] draws;

        final int epoch;
        final float[] images;

        Content(int[] indices, int[] draws, int epoch) {
            this.indices = indices;
            this.draws = draws;
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
                                    augment(image, draws[place], at);
                                    return image;
                                });
                return;
            }
            byte[] pixels = new byte[imageSize];
            data.read(index, pixels);
            Image image = new Image(data.height(), data.width(), data.channels(), pixels);
            augment(image, draws[place], at);
        }

        private void augment(Image image, int draw, int at) {
            augmentation.apply(
                    image,
                    data.height(),
                    data.width(),
                    normalisation,
                    new PhiloxRandom(settings.seed, AUGMENTATION, epoch, draw),
                    new PhiloxRandom(settings.seed, FURTHER_AUGMENTATION, epoch, draw),
                    images,
                    at);
        }

        /** A batch is known by its first image, whatever was read before it. */
        private void mix(int count, float[] targets) {
            mixing.apply(
                    images,
                    count,
                    data.height(),
                    data.width(),
                    data.channels(),
                    targets,
                    data.classes(),
                    new PhiloxRandom(settings.seed, MIXING, epoch, draws[0]));
        }

        private void copyTargets(int index, float[] targets, int at) {
            float[] of = data.targets(index);
            if (of.length != data.classes()) {
                throw new IllegalArgumentException(
                        "image "
                                + index
                                + " has "
                                + of.length
                                + " targets, the data set has "
                                + data.classes()
                                + " outputs");
            }
            System.arraycopy(of, 0, targets, at, of.length);
        }

        @Override
        public Batch finish(boolean[] there) {
            int count = 0;
            int[] labels = new int[indices.length];
            int[] read = new int[indices.length];
            boolean mixes = !mixing.isNone();
            int outputs = mixes || data.task().isOfVectors() ? data.classes() : 0;
            float[] targets = new float[indices.length * outputs];
            for (int i = 0; i < indices.length; i++) {
                if (there[i]) {
                    System.arraycopy(images, i * imageSize, images, count * imageSize, imageSize);
                    labels[count] = data.label(indices[i]);
                    if (data.task().isOfVectors()) {
                        copyTargets(indices[i], targets, count * outputs);
                    } else if (mixes) {
                        targets[count * outputs + labels[count]] = 1;
                    }
                    read[count++] = indices[i];
                }
            }
            boolean all = count == indices.length;
            if (mixes) {
                mix(count, targets);
            }
            return new Batch(
                    all ? images : Arrays.copyOf(images, count * imageSize),
                    all ? labels : Arrays.copyOf(labels, count),
                    all ? read : Arrays.copyOf(read, count),
                    all ? targets : Arrays.copyOf(targets, count * outputs),
                    data.height(),
                    data.width(),
                    data.channels(),
                    metadata);
        }
    }
}

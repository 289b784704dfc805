package org.densenet4j.data;

import org.densenet4j.random.PhiloxRandom;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Turns images with boxes into batches: shuffled, augmented, warped to one size, normalised,
 * prepared ahead by threads of its own. The order and every draw are functions of (seed, epoch,
 * index), so a run can be repeated and resumed, with any number of threads.
 *
 * <pre>{@code
 * DetectionLoader train =
 *         DetectionLoader.of(data, 300, 300).batch(32).shuffle(seed).augment(DetectionAugmentation.SSD);
 * DetectionLoader val = DetectionLoader.of(data, 300, 300).batch(32);
 * }</pre>
 *
 * The loader is immutable; an epoch belongs to one thread.
 */
public final class DetectionLoader extends ImageLoader<DetectionLoader, DetectionBatch> {
    /** What is made of an image. */
    private record Preparation(
            int height,
            int width,
            DetectionAugmentation augmentation,
            Normalisation normalisation) {}

    private final DetectionDataset data;
    private final Preparation preparation;
    private final ImageMetadata metadata;

    private DetectionLoader(
            DetectionDataset data,
            Settings settings,
            Preparation preparation,
            Set<Integer> broken) {
        super(data.size(), settings, broken);
        this.data = data;
        this.preparation = preparation;
        this.metadata =
                new ImageMetadata(
                        Optional.of(data.classNames()),
                        Optional.of(preparation.normalisation),
                        data.exifOrientation(),
                        Optional.empty(),
                        Optional.empty());
    }

    @Override
    DetectionLoader copy(Settings changed) {
        return new DetectionLoader(data, changed, preparation, broken);
    }

    private DetectionLoader with(Preparation changed) {
        return new DetectionLoader(data, settings, changed, broken);
    }

    /**
     * Batches of 64 images in order, warped, of values from 0 to 1, by one thread.
     *
     * @param data read by the loader's threads
     * @param height rows of pixels of the network's input
     * @param width columns of pixels of the network's input
     * @return a loader, whose methods give others with other settings
     */
    public static DetectionLoader of(DetectionDataset data, int height, int width) {
        Objects.requireNonNull(data, "data");
        if (height < 1 || width < 1) {
            throw new IllegalArgumentException(
                    "size = " + height + "x" + width + ": use 1 or more of each");
        }
        Preparation preparation =
                new Preparation(
                        height,
                        width,
                        DetectionAugmentation.NONE,
                        Normalisation.none(data.channels()));
        return new DetectionLoader(
                data, new Settings(), preparation, ConcurrentHashMap.newKeySet());
    }

    /** {@return what the batches tell of their images} */
    public ImageMetadata metadata() {
        return metadata;
    }

    /**
     * Random changes of images and their boxes.
     *
     * @param value none unless told
     * @return a loader with this setting; this one stays as it is
     */
    public DetectionLoader augment(DetectionAugmentation value) {
        Objects.requireNonNull(value, "augment");
        return with(
                new Preparation(
                        preparation.height, preparation.width, value, preparation.normalisation));
    }

    /**
     * Mean and deviation to normalise by.
     *
     * @param value of as many channels as the images
     * @return a loader with this setting; this one stays as it is
     */
    public DetectionLoader normalise(Normalisation value) {
        Objects.requireNonNull(value, "normalise").requireChannels(data.channels());
        return with(
                new Preparation(
                        preparation.height, preparation.width, preparation.augmentation, value));
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
    Filling.Content<DetectionBatch> batch(int[] indices, int[] places, int epoch) {
        return new Content(indices, epoch);
    }

    /** Images of one batch. */
    private final class Content implements Filling.Content<DetectionBatch> {
        private final int[] indices;
        private final int epoch;
        private final int floats;
        private final float[] images;
        private final List<List<LabelledBox>> objects;

        Content(int[] indices, int epoch) {
            this.indices = indices;
            this.epoch = epoch;
            this.floats =
                    Math.multiplyExact(
                            Math.multiplyExact(preparation.height, preparation.width),
                            data.channels());
            this.images = new float[Math.multiplyExact(indices.length, floats)];
            this.objects = new ArrayList<>();
            for (int i = 0; i < indices.length; i++) {
                objects.add(List.of());
            }
        }

        @Override
        public void read(int index, int place) {
            AnnotatedImage changed =
                    data.read(
                            index,
                            image ->
                                    preparation.augmentation.apply(
                                            image,
                                            preparation.height,
                                            preparation.width,
                                            new PhiloxRandom(
                                                    settings.seed, AUGMENTATION, epoch, index)));
            preparation.normalisation.apply(changed.image(), images, place * floats);
            List<LabelledBox> shares =
                    changed.objects().stream()
                            .map(
                                    o ->
                                            o.withBox(
                                                    o.box()
                                                            .scaled(
                                                                    1.0 / preparation.width,
                                                                    1.0 / preparation.height)))
                            .toList();
            synchronized (objects) {
                objects.set(place, shares);
            }
        }

        @Override
        public DetectionBatch finish(boolean[] there) {
            List<List<LabelledBox>> read = new ArrayList<>();
            int[] kept = new int[indices.length];
            for (int i = 0; i < indices.length; i++) {
                if (there[i]) {
                    int count = read.size();
                    System.arraycopy(images, i * floats, images, count * floats, floats);
                    kept[count] = indices[i];
                    read.add(objects.get(i));
                }
            }
            int count = read.size();
            boolean all = count == indices.length;
            return new DetectionBatch(
                    all ? images : Arrays.copyOf(images, count * floats),
                    read,
                    all ? kept : Arrays.copyOf(kept, count),
                    preparation.height,
                    preparation.width,
                    data.channels(),
                    metadata);
        }
    }
}

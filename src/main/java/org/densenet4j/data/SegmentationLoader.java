package org.densenet4j.data;

import org.densenet4j.random.PhiloxRandom;

import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.random.RandomGenerator;

/**
 * Turns images with a label for every pixel into batches: shuffled, cropped, mirrored, normalised,
 * prepared ahead by threads of its own. The order and every draw are functions of (seed, epoch,
 * index), so a run can be repeated and resumed, with any number of threads.
 *
 * <pre>{@code
 * SegmentationLoader train =
 *         SegmentationLoader.of(data).batch(3).shuffle(seed).randomCrops(224, 224).flip(true);
 * SegmentationLoader val = SegmentationLoader.of(data).batch(1); // whole images
 * }</pre>
 *
 * The loader is immutable; an epoch belongs to one thread.
 */
public final class SegmentationLoader extends ImageLoader<SegmentationLoader, SegmentationBatch> {
    /** Which part of an image is taken. */
    private enum Part {
        WHOLE,
        CENTRE,
        RANDOM
    }

    /** What is made of an image. */
    private record Preparation(
            Part part, int height, int width, boolean flip, Normalisation normalisation) {}

    private final SegmentationDataset data;
    private final Preparation preparation;
    private final ImageMetadata metadata;

    private SegmentationLoader(
            SegmentationDataset data,
            Settings settings,
            Preparation preparation,
            Set<Integer> broken) {
        super(data.size(), settings, broken);
        this.data = data;
        this.preparation = preparation;
        this.metadata =
                new ImageMetadata(
                        Optional.of(data.classes().names()),
                        Optional.of(preparation.normalisation),
                        data.exifOrientation(),
                        Optional.of(data.classes().palette()));
    }

    @Override
    SegmentationLoader copy(Settings changed) {
        return new SegmentationLoader(data, changed, preparation, broken);
    }

    private SegmentationLoader with(Preparation changed) {
        return new SegmentationLoader(data, settings, changed, broken);
    }

    /**
     * Batches of one whole image in order, of values from 0 to 1 as they are (as the authors of
     * FC-DenseNet train), by one thread.
     *
     * @param data read by the loader's threads
     * @return a loader, whose methods give others with other settings
     */
    public static SegmentationLoader of(SegmentationDataset data) {
        Objects.requireNonNull(data, "data");
        Normalisation none = Normalisation.none(data.channels());
        Settings settings = new Settings();
        settings.batch = 1;
        return new SegmentationLoader(
                data,
                settings,
                new Preparation(Part.WHOLE, 0, 0, false, none),
                ConcurrentHashMap.newKeySet());
    }

    /** {@return what labels mean} */
    public SegmentationClasses classes() {
        return data.classes();
    }

    /** {@return what the batches tell of their images} */
    public ImageMetadata metadata() {
        return metadata;
    }

    /**
     * Whole images. Those of one batch must have one size: where they have not, use batches of one
     * image, or crops.
     *
     * @return a loader with this setting; this one stays as it is
     */
    public SegmentationLoader wholeImages() {
        return part(Part.WHOLE, 1, 1);
    }

    /**
     * Windows at random places, the same of an image and its labels. An image that is smaller is
     * padded, with 0 after normalisation and with void.
     *
     * @param height rows of pixels, 1 or more
     * @param width columns of pixels, 1 or more
     * @return a loader with this setting; this one stays as it is
     */
    public SegmentationLoader randomCrops(int height, int width) {
        return part(Part.RANDOM, height, width);
    }

    /**
     * Windows in the middle, for tests of images of many sizes; smaller images are padded.
     *
     * @param height rows of pixels, 1 or more
     * @param width columns of pixels, 1 or more
     * @return a loader with this setting; this one stays as it is
     */
    public SegmentationLoader centreCrops(int height, int width) {
        return part(Part.CENTRE, height, width);
    }

    private SegmentationLoader part(Part part, int height, int width) {
        if (height < 1 || width < 1) {
            throw new IllegalArgumentException(
                    "crop = " + height + "x" + width + ": use 1 or more of each");
        }
        return with(
                new Preparation(part, height, width, preparation.flip, preparation.normalisation));
    }

    /**
     * Whether half of the images are mirrored left to right, with their labels.
     *
     * @param on off unless told
     * @return a loader with this setting; this one stays as it is
     */
    public SegmentationLoader flip(boolean on) {
        return with(
                new Preparation(
                        preparation.part,
                        preparation.height,
                        preparation.width,
                        on,
                        preparation.normalisation));
    }

    /**
     * Mean and deviation to normalise by.
     *
     * @param value of as many channels as the images
     * @return a loader with this setting; this one stays as it is
     */
    public SegmentationLoader normalise(Normalisation value) {
        Objects.requireNonNull(value, "normalise").requireChannels(data.channels());
        return with(
                new Preparation(
                        preparation.part,
                        preparation.height,
                        preparation.width,
                        preparation.flip,
                        value));
    }

    private PixelWindow window(Image image, int epoch, int index) {
        RandomGenerator random = new PhiloxRandom(settings.seed, AUGMENTATION, epoch, index);
        boolean mirrored = preparation.flip && random.nextBoolean();
        int height = preparation.height;
        int width = preparation.width;
        return switch (preparation.part) {
            case WHOLE -> PixelWindow.whole(image, mirrored);
            case CENTRE -> PixelWindow.centre(image, height, width, mirrored);
            case RANDOM -> PixelWindow.random(image, height, width, mirrored, random);
        };
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
    Filling.Content<SegmentationBatch> batch(int[] indices, int[] places, int epoch) {
        return new Content(indices, epoch);
    }

    /** Images of one batch. The first that is read says how large they are. */
    private final class Content implements Filling.Content<SegmentationBatch> {
        private final int[] indices;
        private final int epoch;

        /** Of each image. */
        private final int[] heights;

        private final int[] widths;
        private int height;
        private int width;
        private float[] images;
        private int[] labels;

        Content(int[] indices, int epoch) {
            this.indices = indices;
            this.epoch = epoch;
            this.heights = new int[indices.length];
            this.widths = new int[indices.length];
        }

        @Override
        public void read(int index, int place) {
            var unused =
                    data.read(
                            index,
                            labelled -> {
                                PixelWindow window = window(labelled.image(), epoch, index);
                                heights[place] = window.height();
                                widths[place] = window.width();
                                if (fits(window)) {
                                    window.cut(
                                            labelled,
                                            preparation.normalisation,
                                            images,
                                            labels,
                                            place);
                                }
                                return window;
                            });
        }

        private synchronized boolean fits(PixelWindow window) {
            if (images == null) {
                height = window.height();
                width = window.width();
                int pixels = Math.multiplyExact(indices.length, Math.multiplyExact(height, width));
                images = new float[Math.multiplyExact(pixels, data.channels())];
                labels = new int[pixels];
            }
            return window.height() == height && window.width() == width;
        }

        @Override
        public SegmentationBatch finish(boolean[] there) {
            int pixels = height * width;
            int floats = pixels * data.channels();
            int count = 0;
            int[] read = new int[indices.length];
            for (int i = 0; i < indices.length; i++) {
                if (there[i]) {
                    System.arraycopy(images, i * floats, images, count * floats, floats);
                    System.arraycopy(labels, i * pixels, labels, count * pixels, pixels);
                    heights[count] = heights[i];
                    widths[count] = widths[i];
                    read[count++] = indices[i];
                }
            }
            checkSizes(read, count);
            boolean all = count == indices.length;
            return new SegmentationBatch(
                    all ? images : Arrays.copyOf(images, count * floats),
                    all ? labels : Arrays.copyOf(labels, count * pixels),
                    all ? read : Arrays.copyOf(read, count),
                    height,
                    width,
                    data.channels(),
                    metadata);
        }

        private void checkSizes(int[] read, int count) {
            for (int i = 1; i < count; i++) {
                if (heights[i] != heights[0] || widths[i] != widths[0]) {
                    DataException e =
                            new DataException(
                                    data.name(read[0])
                                            + " is "
                                            + widths[0]
                                            + "x"
                                            + heights[0]
                                            + " pixels, "
                                            + data.name(read[i])
                                            + " "
                                            + widths[i]
                                            + "x"
                                            + heights[i]
                                            + ": whole images of one batch must have one size; use"
                                            + " batches of one image, or crops");
                    throw new UncheckedIOException(e.getMessage(), e);
                }
            }
        }
    }
}

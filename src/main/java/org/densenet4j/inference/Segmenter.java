package org.densenet4j.inference;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.data.ClassMask;
import org.densenet4j.data.DecodeOptions;
import org.densenet4j.data.Image;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.SegmentationClasses;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.plan.Bytes;
import org.densenet4j.plan.PlanException;
import org.densenet4j.weights.Model;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Masks of images of any size, from a network that classifies pixels.
 *
 * <pre>{@code
 * try (Segmenter segmenter = Segmenter.open(Path.of("best.safetensors"))) {
 *     Image image = ImageFile.read(Path.of("street.jpg"), segmenter.decoding());
 *     ClassMask mask = segmenter.mask(image);
 *     mask.write(OutputFolder.make(Path.of("masks")), "street", image);
 * }
 * }</pre>
 *
 * A {@link Predictor} is planned for images of one size. This has one for the size of the image at
 * hand, and opens another, when it has closed that, where the size changes: images in the order of
 * their sizes are the fastest. Memory is allocated for the first image. Thread-safe: calls of
 * several threads run one after the other. Closing twice is allowed.
 */
public final class Segmenter implements AutoCloseable {
    private final ReentrantLock lock = new ReentrantLock();
    private final Model model;
    private final @Nullable Model ownedModel;
    private final Device device;
    private final @Nullable Device ownedDevice;
    private final int batch;
    private final @Nullable DataType precision;
    private final long memoryBudget;
    private final SegmentationClasses classes;
    private final Normalisation normalisation;
    private final ResizedPredictor predictors = new ResizedPredictor(this::open);

    private boolean closed;

    private Segmenter(Builder settings, @Nullable Model ownedModel) {
        this.model = settings.model;
        this.ownedModel = ownedModel;
        this.batch = settings.batch;
        this.precision = settings.precision;
        this.memoryBudget = settings.memoryBudget;
        requirePixels(model.spec());
        this.classes =
                model.images()
                        .palette()
                        .map(palette -> SegmentationClasses.of(model.classNames(), palette))
                        .orElseGet(() -> SegmentationClasses.of(model.classNames()));
        this.normalisation = model.normalisation();
        this.device = settings.device == null ? Device.best() : settings.device;
        this.ownedDevice = settings.device == null ? device : null;
    }

    /** Refuses networks that do not give one class for each pixel. */
    static void requirePixels(NetworkSpec spec) {
        if (!spec.graph().classifiesPixels()) {
            throw new IllegalArgumentException(
                    "the network '"
                            + spec.name()
                            + "' classifies images, not pixels; Predictor and Evaluation do that");
        }
        int pixels = Math.multiplyExact(spec.inputHeight(), spec.inputWidth());
        if (spec.graph().labelsPerImage() != pixels) {
            throw new IllegalArgumentException(
                    "the network '"
                            + spec.name()
                            + "' has "
                            + spec.graph().labelsPerImage()
                            + " classes for the "
                            + pixels
                            + " pixels of an image, a mask wants one for each; use"
                            + " Predictor.pixelClasses");
        }
    }

    /**
     * Opens a checkpoint or an export of this project on the best device, for one image a pass.
     *
     * @param path a file of this project, which names its network
     * @return the segmenter, which the caller closes
     * @throws IOException in one line when the file is broken or names no network
     * @throws IllegalArgumentException when its network does not classify pixels
     * @throws IllegalStateException when the file does not record how images are normalised
     */
    public static Segmenter open(Path path) throws IOException {
        Objects.requireNonNull(path, "path");
        Model model = Model.open(path);
        boolean opened = false;
        try {
            Segmenter segmenter = new Segmenter(of(model), model);
            opened = true;
            return segmenter;
        } finally {
            if (!opened) {
                model.close();
            }
        }
    }

    /**
     * Starts with the best device and one image a pass. The model is the caller's to close.
     *
     * @param model open as long as the segmenter is
     * @return a builder
     */
    public static Builder of(Model model) {
        Objects.requireNonNull(model, "model");
        return new Builder(model);
    }

    /**
     * {@return the classes, in the colours and with the indices that the weights record; else in
     * those of {@link SegmentationClasses#of(List)}}
     */
    public SegmentationClasses classes() {
        return classes;
    }

    /**
     * {@return how files of images have to be decoded: as those were that the network was trained
     * on}
     */
    public DecodeOptions decoding() {
        return DecodeOptions.DEFAULT.withExifOrientation(images().exifOrientation());
    }

    /** {@return what the model's file, or who opened it, says of its images} */
    public ImageMetadata images() {
        return model.images();
    }

    /**
     * {@return the most probable class of every pixel of an image; of equally probable ones the
     * first}
     *
     * @param image of any size, in colour or grey
     * @throws PlanException when there is no plan for images of this size: they are too small for
     *     the network or too large for the memory, or the network is a graph of one's own for
     *     another size. The next image may have another size
     * @throws IllegalArgumentException when logits are not finite
     * @throws IOException when the weights cannot be read
     */
    public ClassMask mask(Image image) throws IOException {
        Objects.requireNonNull(image, "image");
        return masks(List.of(image)).getFirst();
    }

    /**
     * {@return masks of several images of one size} A network that {@linkplain
     * org.densenet4j.graph.Graph#evaluatesWithBatchStatistics evaluates with statistics of the
     * batch} takes those of the images of a pass, {@link Builder#batch} of them.
     *
     * @param images of one size, in colour or grey
     * @throws PlanException as {@link #mask}
     * @throws IllegalArgumentException when the sizes differ, or logits are not finite
     * @throws IOException when the weights cannot be read
     */
    public List<ClassMask> masks(List<Image> images) throws IOException {
        Objects.requireNonNull(images, "images");
        if (images.isEmpty()) {
            return List.of();
        }
        int height = images.getFirst().height();
        int width = images.getFirst().width();
        for (Image image : images) {
            if (image.height() != height || image.width() != width) {
                throw new IllegalArgumentException(
                        "images of "
                                + width
                                + "x"
                                + height
                                + " and of "
                                + image.width()
                                + "x"
                                + image.height()
                                + " pixels: those of one call have one size");
            }
        }
        int[] labels;
        lock.lock();
        try {
            if (closed) {
                throw new IllegalStateException("the segmenter is closed");
            }
            Predictor predictor = predictors.of(height, width);
            labels = predictor.pixelClasses(prepared(images), images.size());
        } finally {
            lock.unlock();
        }
        int pixels = height * width;
        List<ClassMask> masks = new ArrayList<>();
        for (int i = 0; i < images.size(); i++) {
            int[] its = Arrays.copyOfRange(labels, i * pixels, (i + 1) * pixels);
            masks.add(new ClassMask(height, width, its, classes));
        }
        return masks;
    }

    private float[] prepared(List<Image> images) {
        int channels = model.spec().inputChannels();
        int each =
                Math.multiplyExact(
                        images.getFirst().height() * images.getFirst().width(), channels);
        float[] prepared = new float[Math.multiplyExact(images.size(), each)];
        for (int i = 0; i < images.size(); i++) {
            normalisation.apply(images.get(i).inChannels(channels), prepared, i * each);
        }
        return prepared;
    }

    private Predictor open(int height, int width) throws IOException {
        Model resized = resized(height, width);
        try {
            return Predictor.of(resized)
                    .device(device)
                    .batch(batch)
                    .precision(precision)
                    .memoryBudget(memoryBudget)
                    .open();
        } catch (PlanException e) {
            String mend = batch > 1 ? "" : "; use smaller images";
            throw refused(height, width, e.getMessage() + mend, e);
        }
    }

    private Model resized(int height, int width) {
        try {
            return model.withInputSize(height, width);
        } catch (IllegalArgumentException e) {
            throw refused(height, width, e.getMessage(), e);
        }
    }

    private static PlanException refused(int height, int width, String why, Exception cause) {
        PlanException e = new PlanException(width + "x" + height + " pixels: " + why);
        e.initCause(cause);
        return e;
    }

    @Override
    public void close() {
        lock.lock();
        try {
            if (closed) {
                return;
            }
            closed = true;
            predictors.close();
            if (ownedDevice != null) {
                ownedDevice.close();
            }
            if (ownedModel != null) {
                ownedModel.close();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Says how to look at images. */
    public static final class Builder {
        private final Model model;
        private @Nullable Device device;
        private int batch = 1;
        private @Nullable DataType precision;
        private long memoryBudget = Long.MAX_VALUE;

        private Builder(Model model) {
            this.model = model;
        }

        /**
         * A device of the caller's, not closed here.
         *
         * @param value on which memory is taken
         * @return this
         */
        public Builder device(Device value) {
            Objects.requireNonNull(value, "device");
            device = value;
            return this;
        }

        /**
         * Most images of one pass, 1 or more; memory is planned for as many.
         *
         * @param images 1 unless told
         * @return this
         */
        public Builder batch(int images) {
            if (images < 1) {
                throw new IllegalArgumentException("batch = " + images + ": use 1 or more images");
            }
            batch = images;
            return this;
        }

        /**
         * Storage of activations; null, the default, is the device's own choice.
         *
         * @param type null for the device's own choice
         * @return this
         */
        public Builder precision(@Nullable DataType type) {
            precision = type;
            return this;
        }

        /**
         * Refuses images whose plan needs more than this, or more than the device has.
         *
         * @param bytes 1 or more; what the device has free unless told
         * @return this
         */
        public Builder memoryBudget(long bytes) {
            memoryBudget = Bytes.requireBudget(bytes);
            return this;
        }

        /**
         * Opens it; the model must stay open as long.
         *
         * @return the segmenter, which the caller closes
         * @throws IllegalArgumentException when the network does not classify pixels, or classes
         *     are not 2 to 255 of different names
         * @throws IllegalStateException when it is not known how images are normalised; see {@link
         *     Model#normalisation}
         */
        public Segmenter open() {
            return new Segmenter(this, null);
        }
    }
}

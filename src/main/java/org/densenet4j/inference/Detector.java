package org.densenet4j.inference;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.data.DecodeOptions;
import org.densenet4j.data.Image;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.detection.Detection;
import org.densenet4j.detection.DetectionOutput;
import org.densenet4j.detection.Priors;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.plan.Bytes;
import org.densenet4j.plan.InferencePlan;
import org.densenet4j.spec.DetectionSpec;
import org.densenet4j.weights.Model;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.IntStream;

/**
 * Boxes around the objects in images of any size, from a network that finds objects.
 *
 * <pre>{@code
 * try (Detector detector = Detector.open(Path.of("best.safetensors"))) {
 *     Image image = ImageFile.read(Path.of("street.jpg"), detector.decoding());
 *     for (Detection found : detector.detect(image)) {
 *         System.out.println(detector.classNames().get(found.label()) + " " + found);
 *     }
 * }
 * }</pre>
 *
 * Every image is warped to the network's input, whatever its shape, as those were that it was
 * trained on. Thread-safe: calls of several threads run one after the other on the one arena that
 * there is; for more throughput give one call more images. All memory is allocated by {@link
 * Builder#open}; {@link #close} waits for a running call and may be called twice.
 */
public final class Detector implements AutoCloseable {
    /**
     * Probability that a box has to be above, unless told otherwise. Tests, which ask for boxes of
     * any probability, use {@link DetectionOutput#PUBLISHED}.
     */
    public static final double LEAST_SCORE = 0.4;

    private final ReentrantLock lock = new ReentrantLock();
    private final InferenceNetwork network;
    private final @Nullable Device ownedDevice;
    private final DetectionSpec spec;
    private final List<String> classNames;
    private final Normalisation normalisation;
    private final ImageMetadata images;
    private final DetectionOutput output;
    private boolean closed;

    private Detector(InferenceNetwork network, @Nullable Device ownedDevice, Builder builder) {
        this.network = network;
        this.ownedDevice = ownedDevice;
        this.spec = builder.spec;
        this.classNames = builder.model.classNames();
        this.normalisation = builder.model.normalisation();
        this.images = builder.model.images();
        this.output = builder.output;
    }

    /**
     * Opens a checkpoint or an export of this project on the best device.
     *
     * @param path a file of this project, which names its network
     * @return the detector, which the caller closes
     * @throws IOException in one line when the file is broken or names no network
     * @throws IllegalArgumentException when its network does not find objects
     * @throws IllegalStateException when the file does not record how images are normalised
     */
    public static Detector open(Path path) throws IOException {
        Objects.requireNonNull(path, "path");
        try (Model model = Model.open(path)) {
            return of(model).open();
        }
    }

    /**
     * Starts a detector: best device, 8 images a pass, boxes above {@link #LEAST_SCORE}. The model
     * may be closed once it is open.
     *
     * @param model open until the detector is
     * @return a builder with what the model's file records
     * @throws IllegalArgumentException when its network does not find objects
     */
    public static Builder of(Model model) {
        Objects.requireNonNull(model, "model");
        return new Builder(model, requireDetector(model.spec()));
    }

    private static DetectionSpec requireDetector(NetworkSpec spec) {
        if (spec instanceof DetectionSpec detector) {
            return detector;
        }
        throw new IllegalArgumentException(
                "the network '"
                        + spec.name()
                        + "' does not find objects, it classifies "
                        + (spec.graph().classifiesPixels()
                                ? "pixels; Segmenter does that"
                                : "images; Predictor does that"));
    }

    // ---------------------------------------------------------------- what there is

    /** {@return the network} */
    public DetectionSpec spec() {
        return spec;
    }

    /** {@return names of the classes, which {@link Detection#label} indexes} */
    public List<String> classNames() {
        return classNames;
    }

    /** {@return what the model's file, or who opened it, says of class names and normalisation} */
    public ImageMetadata images() {
        return images;
    }

    /** {@return how images have to be normalised, which {@link #detect(Image)} does by itself} */
    public Normalisation normalisation() {
        return normalisation;
    }

    /**
     * {@return how files of images have to be decoded: as those were that the network was trained
     * on}
     */
    public DecodeOptions decoding() {
        return DecodeOptions.DEFAULT.withExifOrientation(images.exifOrientation());
    }

    /** {@return which boxes of the network are told} */
    public DetectionOutput output() {
        return output;
    }

    /** {@return the plan that was allocated} */
    public InferencePlan plan() {
        return network.plan();
    }

    /** {@return bytes that were allocated: the plan's peak} */
    public long allocatedBytes() {
        return network.allocatedBytes();
    }

    // ---------------------------------------------------------------- looking

    /**
     * {@return what is in an image, highest score first: boxes in its pixels, within it}
     *
     * @param image of any size, in colour or grey
     * @throws IllegalArgumentException when the network's outputs are not finite
     */
    public List<Detection> detect(Image image) {
        Objects.requireNonNull(image, "image");
        return detect(List.of(image)).getFirst();
    }

    /**
     * {@return what is in each of several images}
     *
     * @param images of any sizes, in colour or grey, any number
     * @throws IllegalArgumentException when the network's outputs are not finite
     */
    public List<List<Detection>> detect(List<Image> images) {
        Objects.requireNonNull(images, "images");
        images.forEach(image -> Objects.requireNonNull(image, "images"));
        List<List<Detection>> found = new ArrayList<>();
        int most = plan().batch();
        for (int first = 0; first < images.size(); first += most) {
            List<Image> some = images.subList(first, Math.min(images.size(), first + most));
            float[] prepared = new float[Math.multiplyExact(some.size(), length())];
            IntStream.range(0, some.size())
                    .parallel()
                    .forEach(i -> prepare(some.get(i), prepared, i * length()));
            List<List<Detection>> shares = found(outputs(prepared, some.size()));
            for (int i = 0; i < some.size(); i++) {
                Image image = some.get(i);
                found.add(DetectionOutput.inPixels(shares.get(i), image.height(), image.width()));
            }
        }
        return found;
    }

    /**
     * {@return what is in images that are prepared already, highest score first: boxes in shares of
     * the image's sides, which reach over its border where the network says so}
     *
     * @param prepared pixels of the network's size, warped and normalised, NHWC
     * @param count images, any number
     * @throws IllegalArgumentException when the array has fewer images, or the network's outputs
     *     are not finite
     */
    public List<List<Detection>> detect(float[] prepared, int count) {
        Objects.requireNonNull(prepared, "prepared");
        if (count < 1 || prepared.length < (double) count * length()) {
            throw new IllegalArgumentException(
                    count
                            + " images of "
                            + length()
                            + " floats: use 1 or more, the array has "
                            + prepared.length);
        }
        List<List<Detection>> found = new ArrayList<>();
        int most = plan().batch();
        for (int first = 0; first < count; first += most) {
            found.addAll(found(outputs(prepared, first, Math.min(most, count - first))));
        }
        return found;
    }

    /** Floats of one prepared image. */
    int length() {
        return spec.inputHeight() * spec.inputWidth() * spec.inputChannels();
    }

    /** Warps and normalises an image. */
    void prepare(Image image, float[] to, int at) {
        normalisation.apply(
                image.inChannels(spec.inputChannels())
                        .warped(spec.inputHeight(), spec.inputWidth()),
                to,
                at);
    }

    /**
     * What the heads say of some images.
     *
     * @param logits [N, priors, 1 + classes]
     * @param offsets [N, priors, 4]
     */
    record HeadOutputs(float[] logits, float[] offsets) {}

    /** Of images that fit one pass. */
    HeadOutputs outputs(float[] prepared, int count) {
        return outputs(prepared, 0, count);
    }

    private HeadOutputs outputs(float[] prepared, int first, int count) {
        lock.lock();
        try {
            if (closed) {
                throw new IllegalStateException("the detector is closed");
            }
            network.forward(prepared, first, count);
            return new HeadOutputs(
                    joined(spec.classHeads(), count, 1 + spec.classes()),
                    joined(spec.offsetHeads(), count, Priors.OFFSETS));
        } finally {
            lock.unlock();
        }
    }

    private float[] joined(List<String> heads, int count, int numbers) {
        List<float[]> outputs = new ArrayList<>();
        for (String head : heads) {
            float[] values = new float[Math.multiplyExact(count, network.logitsPerImage(head))];
            network.logits(head, count, values, 0);
            for (float value : values) {
                if (!Float.isFinite(value)) {
                    throw new IllegalArgumentException(
                            "the network's head '"
                                    + head
                                    + "' says "
                                    + value
                                    + " of an image; are its pixels normalised?");
                }
            }
            outputs.add(values);
        }
        return spec.priors().join(outputs, numbers);
    }

    /** What is in the images, in shares of their sides. */
    List<List<Detection>> found(HeadOutputs outputs) {
        return output.of(spec.priors(), spec.classes(), outputs.logits, outputs.offsets);
    }

    @Override
    public void close() {
        lock.lock();
        try {
            if (closed) {
                return;
            }
            closed = true;
            network.close();
            if (ownedDevice != null) {
                ownedDevice.close();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Says how to look at images; {@link #open} allocates. */
    public static final class Builder {
        private final Model model;
        private final DetectionSpec spec;
        private @Nullable Device device;
        private int batch = 8;
        private @Nullable DataType precision;
        private long memoryBudget = Long.MAX_VALUE;
        private DetectionOutput output = DetectionOutput.PUBLISHED.withLeastScore(LEAST_SCORE);

        private Builder(Model model, DetectionSpec spec) {
            this.model = model;
            this.spec = spec;
        }

        /**
         * A device of the caller's, not closed here.
         *
         * @param value on which memory is taken
         * @return this
         */
        public Builder device(Device value) {
            device = Objects.requireNonNull(value, "device");
            return this;
        }

        /**
         * Most images of one pass, 1 or more; memory is planned for as many.
         *
         * @param images 8 unless told
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
         * Which boxes are told: above which score, and how much those of one class may overlap.
         *
         * @param value {@link DetectionOutput#PUBLISHED} above {@link #LEAST_SCORE} unless told
         * @return this
         */
        public Builder output(DetectionOutput value) {
            output = Objects.requireNonNull(value, "output");
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
         * Refuses to open when the plan needs more than this, or more than the device has.
         *
         * @param bytes 1 or more; what the device has free unless told
         * @return this
         */
        public Builder memoryBudget(long bytes) {
            memoryBudget = Bytes.requireBudget(bytes);
            return this;
        }

        /**
         * Allocates the plan and folds the weights.
         *
         * @return the detector, which the caller closes
         * @throws org.densenet4j.plan.PlanException when the plan exceeds the memory budget, or the
         *     device's memory
         * @throws IllegalStateException when it is not known how images are normalised; see {@link
         *     Model#normalisation}
         * @throws IOException when the weights cannot be read
         */
        public Detector open() throws IOException {
            var unused = model.normalisation(); // refused before anything is allocated
            Device d = device == null ? Device.best() : device;
            Device owned = device == null ? d : null;
            @Nullable InferenceNetwork network = null;
            boolean opened = false;
            try {
                InferencePlan plan =
                        InferencePlan.of(spec)
                                .batch(batch)
                                .precision(precision)
                                .within(d, memoryBudget);
                network = InferenceNetwork.open(plan, d, model);
                Detector detector = new Detector(network, owned, this);
                opened = true;
                return detector;
            } finally {
                if (!opened) {
                    if (network != null) {
                        network.close();
                    }
                    if (owned != null) {
                        owned.close();
                    }
                }
            }
        }
    }
}

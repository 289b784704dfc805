package org.densenet4j.inference;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.data.DecodeOptions;
import org.densenet4j.data.Image;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.plan.InferencePlan;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.HeadShape;
import org.densenet4j.weights.Model;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Looks at images: classes, embeddings, class activation maps.
 *
 * <pre>{@code
 * try (Predictor predictor = Predictor.open(Path.of("checkpoint.safetensors"))) {
 *     List<Prediction> top = predictor.classify(
 *             ImageFile.read(Path.of("cat.jpg"), predictor.decoding()), 5);
 *     List<List<Prediction>> all = predictor.classify(images, count, 5);   // NHWC, normalised
 * }
 * }</pre>
 *
 * Thread-safe: calls of several threads run one after the other on the one arena that there is, and
 * each uses all of the device; for more throughput give one call more images. Any number of images
 * is worked through in batches of the plan's. All memory is allocated by {@link Builder#open};
 * {@link #close} waits for a running call and may be called twice.
 */
public final class Predictor implements AutoCloseable {
    private final ReentrantLock lock = new ReentrantLock();
    private final InferenceNetwork network;
    private final Device ownedDevice;
    private final DenseNetSpec spec;
    private final List<String> classNames;
    private final Normalisation normalisation;
    private final ImageMetadata images;
    private boolean closed;

    private Predictor(InferenceNetwork network, Device ownedDevice, Model model) {
        this.network = network;
        this.ownedDevice = ownedDevice;
        this.spec = model.spec();
        this.classNames = model.classNames();
        this.normalisation = model.hasNormalisation() ? model.normalisation() : null;
        this.images = model.images();
    }

    /**
     * Opens a checkpoint or an export of this project on the best device.
     *
     * @throws IOException in one line when the file is broken or names no network
     */
    public static Predictor open(Path path) throws IOException {
        Objects.requireNonNull(path, "path");
        try (Model model = Model.open(path)) {
            return of(model).open();
        }
    }

    /** Starts a predictor: best device, batch 32. The model may be closed once it is open. */
    public static Builder of(Model model) {
        Objects.requireNonNull(model, "model");

        return new Builder(model);
    }

    // ---------------------------------------------------------------- what there is

    /** The network. */
    public DenseNetSpec spec() {
        return spec;
    }

    /** Names of the classes. */
    public List<String> classNames() {
        return classNames;
    }

    /** What the model's file, or who opened it, says of class names and normalisation. */
    public ImageMetadata images() {
        return images;
    }

    /**
     * How images have to be normalised.
     *
     * @throws IllegalStateException when it is not known; see {@link Model#normalisation}
     */
    public Normalisation normalisation() {
        if (normalisation == null) {
            throw new IllegalStateException(Model.UNKNOWN_NORMALISATION);
        }
        return normalisation;
    }

    /** How files of images have to be decoded: as those were that the network was trained on. */
    public DecodeOptions decoding() {
        return DecodeOptions.DEFAULT.withExifOrientation(images.exifOrientation());
    }

    /** What brings images of any size to what the network takes. */
    public ImagePreparation preparation() {
        return ImagePreparation.of(spec, normalisation());
    }

    /** The plan that was allocated. */
    public InferencePlan plan() {
        return network.plan();
    }

    /** Bytes that were allocated: the plan's peak. */
    public long allocatedBytes() {
        return network.allocatedBytes();
    }

    /** Length of an embedding: channels of the final feature map. */
    public int embeddingLength() {
        return head().channels();
    }

    private HeadShape head() {
        return network.plan().memory().shape().head();
    }

    // ---------------------------------------------------------------- looking

    /**
     * Logits [count, classes].
     *
     * @param images normalised pixels, NHWC
     * @param count images, any number
     * @throws IllegalArgumentException when the array has fewer images, or pixels that are infinite
     *     or no number, as for everything that looks at images
     */
    public float[] logits(float[] images, int count) {
        float[] logits = results(images, count, spec.classes());
        forEachBatch(
                images, count, (first, n) -> network.logits(n, logits, first * spec.classes()));
        return logits;
    }

    /**
     * Softmax of the logits [count, classes].
     *
     * @throws IllegalArgumentException when pixels are so large that logits are not finite
     */
    public float[] probabilities(float[] images, int count) {
        float[] values = logits(images, count);
        for (int i = 0; i < count; i++) {
            checkLogits(values, i);
            softmax(values, i * spec.classes(), spec.classes());
        }
        return values;
    }

    /** Of logits that are no numbers no class is the most probable one. */
    private void checkLogits(float[] logits, int image) {
        int classes = spec.classes();
        for (int i = image * classes; i < (image + 1) * classes; i++) {
            if (!Float.isFinite(logits[i])) {
                throw new IllegalArgumentException(
                        "image "
                                + image
                                + " has a logit of "
                                + logits[i]
                                + "; are its pixels normalised?");
            }
        }
    }

    private static void softmax(float[] values, int at, int classes) {
        float largest = Float.NEGATIVE_INFINITY;
        for (int c = 0; c < classes; c++) {
            largest = Math.max(largest, values[at + c]);
        }
        double sum = 0;
        for (int c = 0; c < classes; c++) {
            sum += Math.exp(values[at + c] - largest);
        }
        for (int c = 0; c < classes; c++) {
            values[at + c] = (float) (Math.exp(values[at + c] - largest) / sum);
        }
    }

    /** The {@code k} most probable classes of each image, the most probable first. */
    public List<List<Prediction>> classify(float[] images, int count, int k) {
        if (k < 1) {
            throw new IllegalArgumentException("k = " + k + ": use 1 or more classes");
        }
        float[] probabilities = probabilities(images, count);
        List<List<Prediction>> all = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            all.add(Prediction.top(k, probabilities, i * spec.classes(), classNames));
        }
        return all;
    }

    /**
     * The {@code k} most probable classes of an image as it comes from a file, the most probable
     * first.
     */
    public List<Prediction> classify(Image image, int k) {
        Objects.requireNonNull(image, "image");

        ImagePreparation preparation = preparation();
        float[] prepared = new float[preparation.length()];
        preparation.prepare(image, prepared, 0);
        return classify(prepared, 1, k).getFirst();
    }

    /**
     * Embeddings [count, channels]: the features that the classifier reads, averaged over pixels.
     */
    public float[] embeddings(float[] images, int count) {
        int length = embeddingLength();
        float[] embeddings = results(images, count, length);
        forEachBatch(
                images, count, (first, n) -> network.embeddings(n, embeddings, first * length));
        return embeddings;
    }

    /**
     * The class activation map of one image.
     *
     * @param image normalised pixels, HWC
     * @param classIndex the class, or −1 for the most probable one
     */
    public HeatMap heatMap(float[] image, int classIndex) {
        Objects.requireNonNull(image, "image");
        if (classIndex < -1 || classIndex >= spec.classes()) {
            throw new IllegalArgumentException(
                    "class " + classIndex + " is not in 0.." + (spec.classes() - 1));
        }
        HeadShape head = head();
        int classes = head.classes();
        float[] logits = new float[classes];
        float[][] maps = new float[1][];
        forEachBatch(
                image,
                1,
                (first, n) -> {
                    network.logits(1, logits, 0);
                    maps[0] = network.classMaps(0);
                });
        checkLogits(logits, 0);
        int wanted = classIndex;
        for (int c = 0; c < classes && classIndex < 0; c++) {
            wanted = wanted < 0 || logits[c] > logits[wanted] ? c : wanted;
        }
        float[] values = new float[head.height() * head.width()];
        for (int i = 0; i < values.length; i++) {
            values[i] = maps[0][i * classes + wanted];
        }
        return new HeatMap(wanted, head.height(), head.width(), values);
    }

    private interface BatchResult {
        void take(int first, int count);
    }

    /** Room for so many values of each image, once it is sure that there are these images. */
    private float[] results(float[] images, int count, int length) {
        check(images, count);
        return new float[Math.multiplyExact(count, length)];
    }

    private void check(float[] images, int count) {
        Objects.requireNonNull(images, "images");
        long expected =
                (long) count * spec.inputHeight() * spec.inputWidth() * spec.inputChannels();
        if (count < 0 || images.length < expected) {
            throw new IllegalArgumentException(
                    count
                            + " images of "
                            + spec.inputHeight()
                            + "x"
                            + spec.inputWidth()
                            + "x"
                            + spec.inputChannels()
                            + " are "
                            + expected
                            + " floats, the array has "
                            + images.length);
        }
    }

    /** A ReLU may make zeros of what is no number, and the results would look like any others. */
    private void checkPixels(float[] images, int count) {
        int floats = spec.inputHeight() * spec.inputWidth() * spec.inputChannels();
        for (int image = 0; image < count; image++) {
            int largest = 0; // of the magnitudes, whose bits are ordered as they are
            for (int i = image * floats; i < (image + 1) * floats; i++) {
                largest = Math.max(largest, Float.floatToRawIntBits(images[i]) & 0x7fff_ffff);
            }
            if (!Float.isFinite(Float.intBitsToFloat(largest))) {
                throw new IllegalArgumentException(
                        "image " + image + " has a pixel that is infinite or no number");
            }
        }
    }

    private void forEachBatch(float[] images, int count, BatchResult result) {
        check(images, count);
        checkPixels(images, count);
        lock.lock();
        try {
            if (closed) {
                throw new IllegalStateException("the predictor is closed");
            }
            int most = network.plan().batch();
            for (int first = 0; first < count; first += most) {
                int n = Math.min(most, count - first);
                network.forward(images, first, n);
                result.take(first, n);
            }
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void close() {
        lock.lock();
        try {
            if (!closed) {
                closed = true;
                network.close();
                if (ownedDevice != null) {
                    ownedDevice.close();
                }
            }
        } finally {
            lock.unlock();
        }
    }

    /** Says how to predict; {@link #open} allocates. */
    public static final class Builder {
        private final Model model;
        private Device device;
        private int batch = 32;
        private long memoryBudget = Long.MAX_VALUE;
        private DataType precision;

        private Builder(Model model) {
            this.model = model;
        }

        /**
         * A device of the caller's, not closed here. Where trainers and other predictors use it
         * from other threads, they take turns.
         */
        public Builder device(Device value) {
            Objects.requireNonNull(value, "device");
            device = value;
            return this;
        }

        /** Most images of one pass, 1 or more. */
        public Builder batch(int images) {
            if (images < 1) {
                throw new IllegalArgumentException("batch = " + images + ": use 1 or more images");
            }
            batch = images;
            return this;
        }

        /**
         * Storage of activations: {@code BFLOAT16} is faster where the processor multiplies it.
         * Null, the default, is the device's own choice.
         */
        public Builder precision(DataType type) {
            precision = type;
            return this;
        }

        /** Refuses to open when the plan needs more than this, or more than the device has. */
        public Builder memoryBudget(long bytes) {
            memoryBudget = bytes;
            return this;
        }

        /**
         * Allocates the plan and folds the weights.
         *
         * @throws org.densenet4j.plan.PlanException when the plan exceeds the memory budget, or the
         *     device's memory
         * @throws IOException when the weights cannot be read
         */
        public Predictor open() throws IOException {
            Device owned = device == null ? Device.best() : null;
            Device d = owned == null ? device : owned;
            boolean opened = false;
            try {
                InferencePlan plan =
                        InferencePlan.of(model.spec())
                                .batch(batch)
                                .precision(precision)
                                .within(d, memoryBudget);
                Predictor predictor =
                        new Predictor(InferenceNetwork.open(plan, d, model), owned, model);
                opened = true;
                return predictor;
            } finally {
                if (!opened && owned != null) {
                    owned.close();
                }
            }
        }
    }
}

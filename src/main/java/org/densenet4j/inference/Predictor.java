package org.densenet4j.inference;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.data.DecodeOptions;
import org.densenet4j.data.Image;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.Outputs;
import org.densenet4j.data.Resizing;
import org.densenet4j.data.Task;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.Read;
import org.densenet4j.plan.Bytes;
import org.densenet4j.plan.ClassifierInference;
import org.densenet4j.plan.InferencePlan;
import org.densenet4j.weights.Model;
import org.densenet4j.weights.WeightSource;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.IntStream;

/**
 * Looks at images: classes, of each image or of each pixel; embeddings, class activation maps.
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
 * is worked through in batches of the plan's; a network that {@linkplain
 * org.densenet4j.graph.Graph#evaluatesWithBatchStatistics evaluates with statistics of the batch}
 * takes them of those, so its results depend on which images are in a batch together. All memory is
 * allocated by {@link Builder#open}; {@link #close} waits for a running call and may be called
 * twice.
 */
public final class Predictor implements AutoCloseable {
    private static final int PASSES = 5;

    private final ReentrantLock lock = new ReentrantLock();
    private final InferenceNetwork network;
    private final @Nullable Device ownedDevice;
    private final NetworkSpec spec;
    private final int classes;
    private final List<Exit> exits;
    private final List<String> classNames;
    private final Optional<Normalisation> normalisation;
    private final ImageMetadata images;
    private final OutputActivation activation;
    private final Outputs meaning;
    private boolean closed;

    private Predictor(InferenceNetwork network, @Nullable Device ownedDevice, Builder builder) {
        this.network = network;
        this.ownedDevice = ownedDevice;
        this.spec = builder.spec;
        this.classes = network.plan().memory().head().logits().columns();
        this.exits = Exit.of(spec);
        this.classNames =
                builder.classNames.orElseGet(
                        () -> IntStream.range(0, classes).mapToObj(c -> "class " + c).toList());
        this.normalisation = builder.normalisation;
        this.images = builder.images;
        this.activation = builder.activation;
        this.meaning = builder.meaning;
    }

    /**
     * Opens a checkpoint or an export of this project on the best device.
     *
     * @param path a file of this project, which names its network
     * @return the predictor, which the caller closes
     * @throws IOException in one line when the file is broken or names no network
     */
    public static Predictor open(Path path) throws IOException {
        Objects.requireNonNull(path, "path");
        try (Model model = Model.open(path)) {
            return of(model).open();
        }
    }

    /**
     * Starts a predictor: best device, batch 32. The model may be closed once it is open.
     *
     * @param model open until the predictor is
     * @return a builder with what the model's file records
     */
    public static Builder of(Model model) {
        Objects.requireNonNull(model, "model");
        Builder builder = new Builder(model.spec(), model);
        builder.classNames = Optional.of(model.classNames());
        builder.normalisation =
                model.hasNormalisation() ? Optional.of(model.normalisation()) : Optional.empty();
        builder.images = model.images();
        builder.outputs(model.outputs());
        builder.condensed = model.isCondensed();
        return builder;
    }

    /**
     * Starts a predictor of any network, whose weights come from anywhere. Its classes have no
     * names, and how images are normalised is not known.
     *
     * @param spec the network: a preset, or a graph of one's own
     * @param weights by torchvision's names, in the PyTorch layout
     * @return a builder
     */
    public static Builder of(NetworkSpec spec, WeightSource weights) {
        Objects.requireNonNull(spec, "spec");
        Objects.requireNonNull(weights, "weights");
        return new Builder(spec, weights);
    }

    // ---------------------------------------------------------------- what there is

    /** {@return the network} */
    public NetworkSpec spec() {
        return spec;
    }

    /** {@return number of classes} */
    public int classes() {
        return classes;
    }

    /** {@return whether it says of every pixel what it shows, instead of every image} */
    public boolean classifiesPixels() {
        return network.classifiesPixels();
    }

    /** {@return names of the classes} */
    public List<String> classNames() {
        return classNames;
    }

    /** {@return what the model's file, or who opened it, says of class names and normalisation} */
    public ImageMetadata images() {
        return images;
    }

    /**
     * {@return how images have to be normalised}
     *
     * @throws IllegalStateException when it is not known; see {@link Model#normalisation}
     */
    public Normalisation normalisation() {
        return normalisation.orElseThrow(
                () -> new IllegalStateException(Model.UNKNOWN_NORMALISATION));
    }

    /**
     * {@return how files of images have to be decoded: as those were that the network was trained
     * on}
     */
    public DecodeOptions decoding() {
        return DecodeOptions.DEFAULT.withExifOrientation(images.exifOrientation());
    }

    /** {@return what brings images of any size to what the network takes} */
    public ImagePreparation preparation() {
        return ImagePreparation.of(
                spec, normalisation(), images.resizing().orElse(Resizing.DEFAULT));
    }

    /** {@return what {@link #outputs} makes of logits} */
    public OutputActivation activation() {
        return activation;
    }

    /** {@return what the network's outputs say of images} */
    public Task task() {
        return meaning.task();
    }

    /** {@return the plan that was allocated} */
    public InferencePlan plan() {
        return network.plan();
    }

    /** {@return bytes that were allocated: the plan's peak} */
    public long allocatedBytes() {
        return network.allocatedBytes();
    }

    /**
     * {@return length of an embedding: channels of the final feature map}
     *
     * @throws IllegalArgumentException when the network classifies pixels, as for embeddings, class
     *     activation maps and classes of images
     */
    public int embeddingLength() {
        return classifier("embeddings").source().channels();
    }

    /** Thresholds may put labels into another order than logits. */
    private int mostProbable(float[] logits) {
        float[] outputs = logits.clone();
        activate(outputs);
        return ClassLogits.best(outputs, 0, classes);
    }

    private ClassifierInference classifier(String wanted) {
        return network.plan().memory().classifier(wanted);
    }

    // ---------------------------------------------------------------- looking

    /**
     * {@return logits [count, classes], or [count, height, width, classes] where {@linkplain
     * #classifiesPixels every pixel has its own}}
     *
     * @param images normalised pixels, NHWC
     * @param count images, any number
     * @throws IllegalArgumentException when the array has fewer images, or pixels that are infinite
     *     or no number, as for everything that looks at images
     */
    public float[] logits(float[] images, int count) {
        int each = network.logitsPerImage();
        float[] logits = results(images, count, each);
        forEachBatch(images, count, (first, n) -> network.logits(n, logits, first * each));
        return logits;
    }

    /**
     * {@return {@link #logits(float[], int)} of the head of this name, of a network with several;
     * without a name, and in all else, it is the last}
     *
     * @param head the name of a head's node
     * @param images normalised pixels, NHWC
     * @param count images, any number
     * @throws IllegalArgumentException when there is no such head
     */
    public float[] logits(String head, float[] images, int count) {
        Objects.requireNonNull(head, "head");
        Objects.requireNonNull(images, "images");
        int each = network.logitsPerImage(head);
        float[] logits = results(images, count, each);
        forEachBatch(images, count, (first, n) -> network.logits(head, n, logits, first * each));
        return logits;
    }

    /** {@return the exits of the network: its heads for images, in the order in which they come} */
    public List<Exit> exits() {
        return exits;
    }

    /**
     * {@return {@link #logits(float[], int)} of an exit; nothing behind it is computed}
     *
     * @param exit one of {@link #exits}
     * @param images normalised pixels, NHWC
     * @param count images, any number
     * @throws IllegalArgumentException when it is of another network
     */
    public float[] logits(Exit exit, float[] images, int count) {
        Objects.requireNonNull(exit, "exit");
        Objects.requireNonNull(images, "images");
        String head = exit.head();
        int each = network.logitsPerImage(head);
        float[] logits = results(images, count, each);
        inBatches(
                images,
                count,
                (first, n) -> {
                    network.forward(head, images, first, n);
                    network.logits(head, n, logits, first * each);
                });
        return logits;
    }

    /**
     * {@return the last exit that comes within a budget}
     *
     * @param most multiply-adds of an image
     * @throws IllegalArgumentException when no exit does, with what the first one takes
     */
    public Exit within(long most) {
        return exits.reversed().stream()
                .filter(exit -> exit.multiplyAdds() <= most)
                .findFirst()
                .orElseThrow(
                        () ->
                                new IllegalArgumentException(
                                        String.format(
                                                Locale.ROOT,
                                                "no exit comes within %,d multiply-adds an image;"
                                                        + " the first takes %,d",
                                                most,
                                                exits.getFirst().multiplyAdds())));
    }

    /**
     * {@return the last exit that comes within a time, as it is measured here, with images that are
     * looked at one by one; to be asked once, not for each image}
     *
     * @param most of an image
     * @throws IllegalArgumentException when no exit does, with what the first one takes
     */
    public Exit within(Duration most) {
        Objects.requireNonNull(most, "most");
        List<Duration> times = exitTimes();
        for (int i = exits.size() - 1; i >= 0; i--) {
            if (times.get(i).compareTo(most) <= 0) {
                return exits.get(i);
            }
        }
        throw new IllegalArgumentException(
                String.format(
                        Locale.ROOT,
                        "no exit comes within %.3f ms an image; the first takes %.3f ms here",
                        most.toNanos() / 1e6,
                        times.getFirst().toNanos() / 1e6));
    }

    /** {@return the time of one image as far as each exit, the median of a few passes} */
    public List<Duration> exitTimes() {
        float[] image = new float[spec.inputHeight() * spec.inputWidth() * spec.inputChannels()];
        long[][] times = new long[exits.size()][PASSES];
        for (int pass = -1; pass < PASSES; pass++) { // the first one warms up
            int number = Math.max(0, pass);
            throughExits(
                    image,
                    1,
                    (exit, first, logits, nanos) -> {
                        times[exit][number] = nanos;
                        return true;
                    });
        }
        List<Duration> medians = new ArrayList<>();
        for (long[] t : times) {
            Arrays.sort(t);
            medians.add(Duration.ofNanos(t[PASSES / 2]));
        }
        return medians;
    }

    /**
     * {@return the {@code k} most probable classes of each image, which leaves at the first exit
     * whose threshold its largest probability reaches (Huang et al. 2018, section 3); images are
     * looked at one by one, and nothing behind that exit is computed}
     *
     * @param images normalised pixels, NHWC
     * @param count images, any number
     * @param thresholds one for each exit
     * @param k 1 or more
     */
    public List<List<Prediction>> classify(
            float[] images, int count, ExitThresholds thresholds, int k) {
        return classifyEarly(images, count, thresholds, k).stream()
                .map(EarlyPrediction::predictions)
                .toList();
    }

    /**
     * {@return {@link #classify(float[], int, ExitThresholds, int)} and the exit that each image
     * leaves at}
     *
     * @param images normalised pixels, NHWC
     * @param count images, any number
     * @param thresholds one for each exit
     * @param k 1 or more
     */
    public List<EarlyPrediction> classifyEarly(
            float[] images, int count, ExitThresholds thresholds, int k) {
        Objects.requireNonNull(images, "images");
        Objects.requireNonNull(thresholds, "thresholds");
        if (k < 1) {
            throw new IllegalArgumentException("k = " + k + ": use 1 or more classes");
        }
        thresholds.requireFor(exits);
        check(images, count);
        int floats = spec.inputHeight() * spec.inputWidth() * spec.inputChannels();
        List<EarlyPrediction> all = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            float[] image = Arrays.copyOfRange(images, i * floats, (i + 1) * floats);
            throughExits(
                    image,
                    1,
                    (exit, first, logits, nanos) -> {
                        checkLogits(logits, 0, first);
                        OutputActivation.SOFTMAX.apply(logits, classes);
                        boolean leaves =
                                thresholds.leaves(
                                        exit, logits[ClassLogits.best(logits, 0, classes)]);
                        if (leaves) {
                            List<Prediction> top = Prediction.top(k, logits, 0, classNames);
                            all.add(new EarlyPrediction(exits.get(exit), top));
                        }
                        return !leaves;
                    });
        }
        return all;
    }

    /**
     * {@return the {@code k} most probable classes of each image as an exit says; nothing behind it
     * is computed}
     *
     * @param exit one of {@link #exits}
     * @param images normalised pixels, NHWC
     * @param count images, any number
     * @param k 1 or more; more than there are classes are all of them
     */
    public List<List<Prediction>> classify(Exit exit, float[] images, int count, int k) {
        Objects.requireNonNull(exit, "exit");
        Objects.requireNonNull(images, "images");
        requireProbabilities(k);
        return predictions(logits(exit, images, count), count, k);
    }

    private void requireProbabilities(int k) {
        if (k < 1) {
            throw new IllegalArgumentException("k = " + k + ": use 1 or more classes");
        }
        if (activation == OutputActivation.NONE) {
            throw new IllegalStateException(
                    "with the activation NONE outputs are no probabilities of classes; use outputs,"
                            + " or open the predictor with SOFTMAX or SIGMOID");
        }
    }

    /** Of logits, which become probabilities. */
    private List<List<Prediction>> predictions(float[] logits, int count, int k) {
        for (int i = 0; i < count; i++) {
            checkLogits(logits, i, i);
        }
        activate(logits);
        List<List<Prediction>> all = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            all.add(Prediction.top(k, logits, i * classes, classNames));
        }
        return all;
    }

    /** What is done at an exit. */
    interface AtExit {
        /**
         * Looks at the logits of a batch.
         *
         * @param exit its number, from 0
         * @param first number of the batch's first image
         * @param logits [n, classes]
         * @param nanos since the batch began, without what is done here
         * @return whether to go on to the next exit
         */
        boolean take(int exit, int first, float[] logits, long nanos);
    }

    /** Takes images through all exits, batch by batch. */
    void throughExits(float[] images, int count, AtExit work) {
        inBatches(
                images,
                count,
                (first, n) -> {
                    long nanos = 0;
                    for (int i = 0; i < exits.size(); i++) {
                        String head = exits.get(i).head();
                        float[] logits = new float[Math.multiplyExact(n, classes)];
                        long start = System.nanoTime();
                        if (i == 0) {
                            network.forward(head, images, first, n);
                        } else {
                            network.advance(head);
                        }
                        network.logits(head, n, logits, 0);
                        nanos += System.nanoTime() - start;
                        if (!work.take(i, first, logits, nanos)) {
                            return;
                        }
                    }
                });
    }

    /**
     * {@return what the {@linkplain Builder#activation activation} makes of the {@link
     * #logits(float[], int) logits}: probabilities, unless it is {@link OutputActivation#NONE}; of
     * their shape} Sigmoids of a network with {@linkplain Outputs#thresholds thresholds} are
     * {@linkplain Outputs#calibrated calibrated}: 1/2 is the threshold.
     *
     * @param images normalised pixels, NHWC
     * @param count images, any number
     * @throws IllegalArgumentException when pixels are so large that logits are not finite
     */
    public float[] outputs(float[] images, int count) {
        float[] values = logits(images, count);
        for (int i = 0; i < count; i++) {
            checkLogits(values, i, i);
        }
        activate(values);
        return values;
    }

    private void activate(float[] values) {
        activation.apply(values, classes);
        if (activation == OutputActivation.SIGMOID && !meaning.thresholds().isEmpty()) {
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) meaning.calibrated(i % classes, values[i]);
            }
        }
    }

    /**
     * {@return the most probable class of every pixel [count, height, width]; of equally probable
     * ones the first}
     *
     * @param images normalised pixels, NHWC
     * @param count images, any number
     * @throws IllegalArgumentException when the network classifies images, or pixels are so large
     *     that logits are not finite
     */
    public int[] pixelClasses(float[] images, int count) {
        Objects.requireNonNull(images, "images");
        if (!classifiesPixels()) {
            throw new IllegalArgumentException(
                    "the network '"
                            + spec.name()
                            + "' classifies images, not pixels; ask for the class of an image");
        }
        int each = network.logitsPerImage();
        int pixels = each / classes;
        check(images, count);
        int[] found = new int[Math.multiplyExact(count, pixels)];
        float[] logits = new float[Math.multiplyExact(Math.min(count, plan().batch()), each)];
        forEachBatch(
                images,
                count,
                (first, n) -> {
                    network.logits(n, logits, 0);
                    for (int i = 0; i < n; i++) {
                        checkLogits(logits, i, first + i);
                    }
                    for (int i = 0; i < n * pixels; i++) {
                        found[first * pixels + i] = ClassLogits.best(logits, i * classes, classes);
                    }
                });
        return found;
    }

    /** The mean logits of several views of each image, all of them finite. */
    float[] averagedLogits(float[] images, int count, TestTimeAugmentation views) {
        int each = views.views().size();
        float[] logits = logits(images, Math.multiplyExact(count, each));
        for (int i = 0; i < count * each; i++) {
            checkLogits(logits, i, i / each);
        }
        return views.averaged(logits, classes);
    }

    /** Of logits that are no numbers no class is the most probable one. */
    private void checkLogits(float[] logits, int index, int image) {
        int each = network.logitsPerImage();
        for (int i = index * each; i < (index + 1) * each; i++) {
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

    /**
     * {@return the {@code k} most probable classes of each image, the most probable first}
     *
     * @param images normalised pixels, NHWC
     * @param count images, any number
     * @param k 1 or more; more than there are classes are all of them
     * @throws IllegalArgumentException when the network classifies pixels, or pixels are so large
     *     that logits are not finite
     * @throws IllegalStateException when the activation is {@link OutputActivation#NONE}, so that
     *     outputs are no probabilities
     */
    public List<List<Prediction>> classify(float[] images, int count, int k) {
        return classify(images, count, TestTimeAugmentation.NONE, k);
    }

    /**
     * {@return the {@code k} most probable classes of each image by the mean logits of several
     * views of it, the most probable first}
     *
     * @param images normalised pixels, [count·views, height, width, channels]: all views of the
     *     first image, as {@link TestTimeAugmentation#views} has them, then those of the second
     * @param count images, any number
     * @param views what each image is looked at by
     * @param k 1 or more; more than there are classes are all of them
     */
    public List<List<Prediction>> classify(
            float[] images, int count, TestTimeAugmentation views, int k) {
        Objects.requireNonNull(images, "images");
        Objects.requireNonNull(views, "views");
        classifier("classes of images");
        requireProbabilities(k);
        return predictions(averagedLogits(images, count, views), count, k);
    }

    /**
     * {@return the {@code k} most probable classes of an image as it comes from a file, the most
     * probable first}
     *
     * @param image of any size, in colour or grey
     * @param k 1 or more; more than there are classes are all of them
     */
    public List<Prediction> classify(Image image, int k) {
        Objects.requireNonNull(image, "image");

        ImagePreparation preparation = preparation();
        float[] prepared = new float[preparation.length()];
        preparation.prepare(image, prepared, 0);
        return classify(prepared, 1, k).getFirst();
    }

    /**
     * {@return embeddings [count, channels]: the features that the classifier reads, averaged over
     * pixels}
     *
     * @param images normalised pixels, NHWC
     * @param count images, any number
     */
    public float[] embeddings(float[] images, int count) {
        int length = embeddingLength();
        float[] embeddings = results(images, count, length);
        forEachBatch(
                images, count, (first, n) -> network.embeddings(n, embeddings, first * length));
        return embeddings;
    }

    /**
     * {@return the class activation map of one image}
     *
     * @param image normalised pixels, HWC
     * @param classIndex the class, or −1 for the most probable one: of several labels the one whose
     *     {@linkplain #outputs output} is largest
     */
    public HeatMap heatMap(float[] image, int classIndex) {
        Objects.requireNonNull(image, "image");
        Read features = classifier("class activation maps").node().source();
        if (classIndex < -1 || classIndex >= classes) {
            throw new IllegalArgumentException(
                    "class " + classIndex + " is not in 0.." + (classes - 1));
        }
        float[] logits = new float[classes];
        float[][] maps = new float[1][];
        forEachBatch(
                image,
                1,
                (first, n) -> {
                    network.logits(1, logits, 0);
                    maps[0] = network.classMaps(0);
                });
        checkLogits(logits, 0, 0);
        int wanted = classIndex < 0 ? mostProbable(logits) : classIndex;
        float[] values = new float[features.height() * features.width()];
        for (int i = 0; i < values.length; i++) {
            values[i] = maps[0][i * classes + wanted];
        }
        return new HeatMap(wanted, features.height(), features.width(), values);
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
        if (count < 0) {
            throw new IllegalArgumentException("count = " + count + ": use 0 or more images");
        }
        long expected =
                (long) count * spec.inputHeight() * spec.inputWidth() * spec.inputChannels();
        if (images.length < expected) {
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
        inBatches(
                images,
                count,
                (first, n) -> {
                    network.forward(images, first, n);
                    result.take(first, n);
                });
    }

    /** Work on batches of images, one caller at a time. */
    private void inBatches(float[] images, int count, BatchResult work) {
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
                work.take(first, n);
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
        private final NetworkSpec spec;
        private final WeightSource weights;
        private Optional<List<String>> classNames = Optional.empty();
        private Optional<Normalisation> normalisation = Optional.empty();
        private ImageMetadata images = ImageMetadata.NONE;
        private @Nullable Device device;
        private int batch = 32;
        private boolean condensed;
        private long memoryBudget = Long.MAX_VALUE;
        private @Nullable DataType precision;
        private OutputActivation activation = OutputActivation.SOFTMAX;
        private Outputs meaning = Outputs.of(Task.CLASSIFY);

        private Builder(NetworkSpec spec, WeightSource weights) {
            this.spec = spec;
            this.weights = weights;
        }

        /**
         * A device of the caller's, not closed here. Where trainers and other predictors use it
         * from other threads, they take turns.
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
         * Most images of one pass, 1 or more.
         *
         * @param images 32 unless told; memory is planned for as many
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
         * Storage of activations: {@code BFLOAT16} is faster where the processor multiplies it.
         * Null, the default, is the device's own choice.
         *
         * @param type null for the device's own choice
         * @return this
         */
        public Builder precision(@Nullable DataType type) {
            precision = type;
            return this;
        }

        /**
         * Whether 1x1 convolutions with learned groups multiply only what condensation has left,
         * which is faster. True of a model whose condensation is over, else false.
         *
         * @param value true for weights that are condensed
         * @return this
         * @throws IllegalArgumentException when the network has no learned groups
         */
        public Builder condensed(boolean value) {
            InferencePlan.of(spec).condensed(value);
            condensed = value;
            return this;
        }

        /**
         * What outputs say, which the activation follows: softmax of classes, the sigmoid of
         * labels, numbers as they are. A model's file may record it.
         *
         * @param value as the network was trained
         * @return this
         */
        public Builder outputs(Outputs value) {
            meaning = Objects.requireNonNull(value, "outputs");
            activation =
                    switch (value.task()) {
                        case CLASSIFY, SEGMENT, DETECT -> OutputActivation.SOFTMAX;
                        case MULTILABEL -> OutputActivation.SIGMOID;
                        case REGRESS -> OutputActivation.NONE;
                    };
            return this;
        }

        /**
         * What {@link Predictor#outputs} and {@link Predictor#classify(float[], int, int)} make of
         * logits: {@code SOFTMAX}, the default where {@link #outputs} says nothing else, for
         * classes of which an image shows one; {@code SIGMOID} where it may show several; {@code
         * NONE} for numbers that are no classes.
         *
         * @param value the one of the loss that the network was trained with
         * @return this
         */
        public Builder activation(OutputActivation value) {
            activation = Objects.requireNonNull(value, "activation");
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
         * @return the predictor, which the caller closes
         * @throws org.densenet4j.plan.PlanException when the plan exceeds the memory budget, or the
         *     device's memory
         * @throws IOException when the weights cannot be read
         */
        public Predictor open() throws IOException {
            Device d = device == null ? Device.best() : device;
            Device owned = device == null ? d : null;
            boolean opened = false;
            try {
                InferencePlan plan =
                        InferencePlan.of(spec)
                                .batch(batch)
                                .condensed(condensed)
                                .precision(precision)
                                .within(d, memoryBudget);
                Predictor predictor =
                        new Predictor(InferenceNetwork.open(plan, d, weights), owned, this);
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

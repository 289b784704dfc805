package org.densenet4j.weights;

import org.densenet4j.data.ClassPalette;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.Outputs;
import org.densenet4j.data.Resizing;
import org.densenet4j.data.Task;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.io.TensorFile;
import org.densenet4j.spec.DetectionSpec;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.spec.LabelKind;
import org.densenet4j.spec.Stem;
import org.densenet4j.train.Checkpoint;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * A trained network in a file: its spec, its weights, the names of its classes and how its images
 * were normalised.
 *
 * <p>Checkpoints and exports of this project carry all of that; other files need to be told the
 * spec. Owns the open file; closing twice is allowed. Threads may use a model at the same time.
 */
public final class Model implements WeightSource, AutoCloseable {
    /** What to do where it is not known how images were normalised. */
    public static final String UNKNOWN_NORMALISATION =
            "the weights do not record how images were normalised; give --mean and --std, or"
                    + " Model.withNormalisation, and save with Trainer.Builder.images";

    private final TensorFile file;
    private final WeightMatch match;
    private final NetworkSpec spec;
    private final List<String> classNames;
    private final @Nullable Normalisation normalisation;
    private final ImageMetadata images;
    private final Outputs outputs;

    private Model(
            TensorFile file,
            WeightMatch match,
            NetworkSpec spec,
            List<String> classNames,
            @Nullable Normalisation normalisation,
            ImageMetadata images,
            Outputs outputs) {
        this.file = file;
        this.match = match;
        this.spec = spec;
        this.classNames = List.copyOf(classNames);
        this.normalisation = normalisation;
        this.images = images;
        this.outputs = outputs;
    }

    /**
     * Opens a checkpoint or an export of this project, or weights of others: the network is the one
     * that the file names, else the one that the shapes of its tensors are of. What shapes do not
     * tell is the size of images: 224x224 with a stem for ImageNet and where pixels are classified,
     * else 32x32.
     *
     * @param path a file, or the index of weights in several files
     * @return the model, which the caller closes
     * @throws IOException when it is broken or its tensors are those of no family that is known
     */
    public static Model open(Path path) throws IOException {
        return open(path, null, LoadOptions.strict());
    }

    /**
     * Opens weights from anywhere.
     *
     * @param path a file, or the index of weights in several files
     * @param wanted the network; its number of classes is taken from the file's classifier. Null
     *     for the network that the file names or, where it names none, its tensors are of. Where
     *     the file names one, that is taken, with its size of images and its epsilon, and this may
     *     say nothing else
     * @param options {@link LoadOptions#ignoreUnexpected} and {@link LoadOptions#weightsKey} are
     *     heeded; a head cannot be reset here
     * @return the model, which the caller closes
     * @throws WeightsException when the weights do not fit, or the file names another network than
     *     the one that is wanted, with the whole list
     * @throws IOException when the file is broken or damaged, names the wanted network with another
     *     size of images or epsilon than the spec asks for and its preset has, has values that are
     *     not finite, or names no network and none is wanted
     */
    public static Model open(Path path, @Nullable NetworkSpec wanted, LoadOptions options)
            throws IOException {
        Objects.requireNonNull(path, "path");
        Objects.requireNonNull(options, "options");

        TensorFile file = WeightFile.open(path, options);
        boolean opened = false;
        try {
            LoadOptions whole = options.withResetHead(false).withAdaptedInput(false);
            NetworkSpec spec = spec(path, file, wanted, whole);
            WeightMatch match = WeightMatch.of(path, file, spec, whole);
            match.checkValues();
            match.noteUntold();
            ImageMetadata recorded =
                    TorchXRayVision.images(file, ImageMetadata.read(path, file.metadata()));
            checkPalette(path, recorded, spec);
            Model model =
                    new Model(
                            file,
                            match,
                            spec,
                            classNames(path, recorded, spec),
                            normalisation(path, file, recorded, spec),
                            recorded,
                            outputs(path, file, spec));
            opened = true;
            return model;
        } finally {
            if (!opened) {
                file.close();
            }
        }
    }

    private static Outputs outputs(Path path, TensorFile file, NetworkSpec spec)
            throws IOException {
        Outputs recorded = Outputs.read(path, file.metadata(), task(spec), spec.classes());
        return TorchXRayVision.outputs(path, file, recorded, spec.classes());
    }

    /** What a network is for by its heads. */
    private static Task task(NetworkSpec spec) {
        return switch (LabelKind.of(spec)) {
            case OF_IMAGES -> Task.CLASSIFY;
            case OF_PIXELS -> Task.SEGMENT;
            case BOXES -> Task.DETECT;
        };
    }

    private static NetworkSpec spec(
            Path path, TensorFile file, @Nullable NetworkSpec wanted, LoadOptions options)
            throws IOException {
        NetworkSpec recorded = RecordedNetwork.of(path, file).orElse(null);
        if (wanted == null) {
            return recorded == null ? inferred(path, file) : recorded;
        }
        NetworkSpec given = withClassesOf(path, file, wanted);
        if (recorded == null) {
            return given;
        }
        RecordedNetwork.check(path, file, recorded, given, options);
        // A graph does not say which boxes its heads are of.
        return given instanceof DetectionSpec && !(recorded instanceof DetectionSpec)
                ? given
                : recorded;
    }

    /** A graph of one's own has the classes that it has, as has a network of many heads. */
    private static NetworkSpec withClassesOf(Path path, TensorFile file, NetworkSpec wanted)
            throws IOException {
        if (!(wanted instanceof FamilySpec family) || wanted instanceof DetectionSpec) {
            return wanted;
        }
        FileTensors tensors = FileTensors.of(path, file, NameStyle.of(wanted));
        Optional<String> head = tensors.style().head();
        if (head.isEmpty()) {
            return wanted;
        }
        String weight = head.get() + ".weight";
        int dimensions = wanted.graph().classifiesPixels() ? 4 : 2;
        try {
            int classes = tensors.shape(weight, dimensions).getFirst();
            return family.toBuilder().classes(classes).build();
        } catch (IllegalArgumentException e) {
            return wanted; // the weights do not fit, which is told of all of them
        }
    }

    private static NetworkSpec inferred(Path path, TensorFile file) throws IOException {
        FileTensors tensors = FileTensors.of(path, file);
        try {
            return InferredSpec.of(tensors);
        } catch (IllegalArgumentException e) {
            throw new IOException(
                    path
                            + ": does not say which network it is, and its tensors are not those of "
                            + tensors.style().network().replaceFirst(" ", " whole ")
                            + " ("
                            + e.getMessage()
                            + ")"
                            + Shards.hint(path).map(part -> "; " + part).orElse(""),
                    e);
        }
    }

    private static void checkPalette(Path path, ImageMetadata recorded, NetworkSpec spec)
            throws IOException {
        int colours = recorded.palette().map(ClassPalette::count).orElse(spec.classes());
        if (colours != spec.classes()) {
            throw new IOException(
                    path
                            + ": the metadata has colours of "
                            + colours
                            + " classes, the network has "
                            + spec.classes());
        }
    }

    private static List<String> classNames(Path path, ImageMetadata recorded, NetworkSpec spec)
            throws IOException {
        List<String> names = recorded.classNames().orElse(null);
        if (names == null) {
            return IntStream.range(0, spec.classes()).mapToObj(c -> "class " + c).toList();
        }
        if (names.size() != spec.classes()) {
            throw new IOException(
                    path
                            + ": the metadata names "
                            + names.size()
                            + " classes, the network has "
                            + spec.classes());
        }
        return names;
    }

    /** Null where it is not recorded and there is no usual one. */
    private static @Nullable Normalisation normalisation(
            Path path, TensorFile file, ImageMetadata recorded, NetworkSpec spec)
            throws IOException {
        Normalisation normalisation = recorded.normalisation().orElse(null);
        if (normalisation != null) {
            if (normalisation.mean().length != spec.inputChannels()) {
                throw new IOException(
                        path
                                + ": the normalisation in the metadata is for "
                                + normalisation.mean().length
                                + " channels, the network has "
                                + spec.inputChannels());
            }
            return normalisation;
        }
        if (Checkpoint.isOne(file.metadata()) || spec.inputChannels() != 3) {
            return null;
        }
        // Loaders of segmentation sets differ, and graphs are anyone's own.
        return Stem.of(spec).map(Model::usual).orElse(null);
    }

    private static Normalisation usual(Stem stem) {
        return stem == Stem.SMALL ? Normalisation.CIFAR10 : Normalisation.IMAGENET;
    }

    /** {@return the network} */
    public NetworkSpec spec() {
        return spec;
    }

    /** {@return names of the classes; {@code class 0} and so on where the file has none} */
    public List<String> classNames() {
        return classNames;
    }

    /**
     * {@return how images are normalised: as recorded; for weights of torchvision, timm and others,
     * which record nothing, the usual constants of ImageNet or, with a small stem, of CIFAR-10}
     *
     * @throws IllegalStateException when a checkpoint of this project does not record it, or there
     *     are no usual constants
     */
    public Normalisation normalisation() {
        if (normalisation == null) {
            throw new IllegalStateException(UNKNOWN_NORMALISATION);
        }
        return normalisation;
    }

    /** {@return whether {@link #normalisation} is known} */
    public boolean hasNormalisation() {
        return normalisation != null;
    }

    /**
     * {@return what is known of class names, normalisation and orientation: recorded by the file or
     * given since, empty where neither} Files that are made of this model carry this and no
     * defaults.
     */
    public ImageMetadata images() {
        return images;
    }

    /**
     * {@return the same model with other class names} Several classes may have one name, as in the
     * usual lists of ImageNet; images are not matched to those by name.
     *
     * @param names in the order of the logits, one for each
     * @throws IllegalArgumentException when there is not one name per class
     */
    public Model withClassNames(List<String> names) {
        Objects.requireNonNull(names, "names");
        if (names.size() != spec.classes()) {
            throw new IllegalArgumentException(
                    names.size() + " class names for a network with " + spec.classes());
        }
        return new Model(
                file, match, spec, names, normalisation, images.withClassNames(names), outputs);
    }

    /**
     * {@return the same model for images of another size, which weights do not depend on}
     *
     * @param height rows of pixels
     * @param width columns of pixels
     * @throws IllegalArgumentException when the network is too deep for so small images, or is a
     *     graph of one's own, which has a size
     */
    public Model withInputSize(int height, int width) {
        NetworkSpec resized = spec;
        if (spec instanceof FamilySpec family) {
            resized = family.toBuilder().inputSize(height, width).build();
        } else if (height != spec.inputHeight() || width != spec.inputWidth()) {
            throw new IllegalArgumentException(
                    "the network '"
                            + spec.name()
                            + "' is a graph for images of "
                            + spec.inputHeight()
                            + "x"
                            + spec.inputWidth()
                            + "; build one for "
                            + height
                            + "x"
                            + width
                            + " and open the weights with it");
        }
        return new Model(file, match, resized, classNames, normalisation, images, outputs);
    }

    /**
     * {@return the same model with another normalisation}
     *
     * @param value of as many channels as the network takes
     * @throws IllegalArgumentException when it is for another number of channels
     */
    public Model withNormalisation(Normalisation value) {
        Objects.requireNonNull(value, "normalisation");
        if (value.mean().length != spec.inputChannels()) {
            throw new IllegalArgumentException(
                    "a normalisation of "
                            + value.mean().length
                            + " channels for a network with "
                            + spec.inputChannels());
        }
        return new Model(
                file, match, spec, classNames, value, images.withNormalisation(value), outputs);
    }

    /**
     * {@return the same model for images that are turned upright as their Exif data says, or are
     * not}
     *
     * @param on whether images are to be turned upright
     */
    public Model withExifOrientation(boolean on) {
        return new Model(
                file,
                match,
                spec,
                classNames,
                normalisation,
                images.withExifOrientation(on),
                outputs);
    }

    /**
     * {@return what the network's outputs say: recorded by the file, one class of each image or
     * pixel where it records nothing, or given since}
     */
    public Outputs outputs() {
        return outputs;
    }

    /**
     * {@return the same model with outputs that say something else}
     *
     * @param value with thresholds for all outputs, or none
     * @throws IllegalArgumentException when there is another number of thresholds, or the network
     *     is for another task
     */
    public Model withOutputs(Outputs value) {
        Objects.requireNonNull(value, "outputs");
        if (!value.thresholds().isEmpty() && value.thresholds().size() != spec.classes()) {
            throw new IllegalArgumentException(
                    value.thresholds().size()
                            + " thresholds for a network with "
                            + spec.classes()
                            + " outputs");
        }
        Task network = task(spec);
        boolean ofImages = network == Task.CLASSIFY;
        if (ofImages
                ? value.task() == Task.SEGMENT || value.task() == Task.DETECT
                : value.task() != network) {
            throw new IllegalArgumentException(
                    "the task " + value.task().text() + " does not fit the network " + spec.name());
        }
        return new Model(file, match, spec, classNames, normalisation, images, value);
    }

    /**
     * {@return the same model for images that are resized in another way}
     *
     * @param value interpolation and share
     */
    public Model withResizing(Resizing value) {
        Objects.requireNonNull(value, "resizing");
        return new Model(
                file, match, spec, classNames, normalisation, images.withResizing(value), outputs);
    }

    /** {@return all entries of the file's metadata; a checkpoint of a run has its settings here} */
    public Map<String, String> metadata() {
        return Map.copyOf(file.metadata());
    }

    /** {@return how the file's tensors fitted} */
    public WeightReport report() {
        return match.report();
    }

    /**
     * {@return whether the network has learned groups, and all of them have lost what training
     * takes away from them, so that inference need not multiply it}
     *
     * @throws UncheckedIOException when a mask cannot be read
     */
    public boolean isCondensed() {
        try {
            return match.isCondensed(spec.graph());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public float[] values(String name) throws IOException {
        return match.values(name);
    }

    /**
     * {@return the mask [out, in] of weights with learned groups, which {@link #values} has
     * applied; empty where the file has none}
     *
     * @param weight name of the weights
     * @throws IOException in one line when it cannot be read, or is none
     */
    public Optional<float[]> mask(String weight) throws IOException {
        return match.mask(Objects.requireNonNull(weight, "weight"));
    }

    @Override
    public void close() {
        file.close();
    }
}

package org.densenet4j.weights;

import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.io.TensorFile;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.NetworkShape;
import org.densenet4j.spec.Stem;
import org.densenet4j.train.Checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
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
    private final DenseNetSpec spec;
    private final List<String> classNames;
    private final Normalisation normalisation;
    private final ImageMetadata images;

    private Model(
            TensorFile file,
            WeightMatch match,
            DenseNetSpec spec,
            List<String> classNames,
            Normalisation normalisation,
            ImageMetadata images) {
        this.file = file;
        this.match = match;
        this.spec = spec;
        this.classNames = List.copyOf(classNames);
        this.normalisation = normalisation;
        this.images = images;
    }

    /**
     * Opens a checkpoint or an export of this project, or weights of others: the network is the one
     * that the file names, else the one that the shapes of its tensors are of. What shapes do not
     * tell is the size of images: 224x224 with a stem for ImageNet, else 32x32.
     *
     * @throws IOException when it is broken or its tensors are not those of a DenseNet
     */
    public static Model open(Path path) throws IOException {
        return open(path, null, LoadOptions.strict());
    }

    /**
     * Opens weights from anywhere.
     *
     * @param wanted the network; its number of classes is taken from the file's classifier. Null
     *     for the network that the file names or, where it names none, its tensors are of. Where
     *     the file names one, that is taken, with its size of images and its epsilon, and this may
     *     say nothing else
     * @param options {@link LoadOptions#ignoreUnexpected} and {@link LoadOptions#weightsKey} are
     *     heeded; a head cannot be reset here
     * @throws WeightsException when the weights do not fit, or the file names another network than
     *     the one that is wanted, with the whole list
     * @throws IOException when the file is broken or damaged, names the wanted network with another
     *     size of images or epsilon than the spec asks for and its preset has, has values that are
     *     not finite, or names no network and none is wanted
     */
    public static Model open(Path path, DenseNetSpec wanted, LoadOptions options)
            throws IOException {
        Objects.requireNonNull(path, "path");
        Objects.requireNonNull(options, "options");

        TensorFile file = WeightFile.open(path, options);
        boolean opened = false;
        try {
            LoadOptions whole = options.withResetHead(false);
            DenseNetSpec spec = spec(path, file, wanted, whole);
            WeightMatch match = WeightMatch.of(path, file, NetworkShape.of(spec), whole);
            match.checkValues();
            ImageMetadata recorded = ImageMetadata.read(path, file.metadata());
            Model model =
                    new Model(
                            file,
                            match,
                            spec,
                            classNames(path, recorded, spec),
                            normalisation(path, file, recorded, spec),
                            recorded);
            opened = true;
            return model;
        } finally {
            if (!opened) {
                file.close();
            }
        }
    }

    private static DenseNetSpec spec(
            Path path, TensorFile file, DenseNetSpec wanted, LoadOptions options)
            throws IOException {
        DenseNetSpec recorded = RecordedNetwork.of(path, file).orElse(null);
        if (wanted == null) {
            return recorded == null ? inferred(path, file) : recorded;
        }
        DenseNetSpec given = withClassesOf(path, file, wanted);
        if (recorded == null) {
            return given;
        }
        RecordedNetwork.check(path, file, recorded, given, options);
        return recorded;
    }

    private static DenseNetSpec withClassesOf(Path path, TensorFile file, DenseNetSpec wanted)
            throws IOException {
        String head = WeightMatch.fileNames(path, file).get("classifier.weight");
        List<Long> shape =
                head == null || !file.contains(head) ? List.of() : file.describe(head).shape();
        boolean plausible = shape.size() == 2 && shape.getFirst() > 0 && shape.getFirst() < 1 << 20;
        return plausible
                ? wanted.toBuilder().classes(Math.toIntExact(shape.getFirst())).build()
                : wanted;
    }

    private static DenseNetSpec inferred(Path path, TensorFile file) throws IOException {
        Map<String, String> fileNames = WeightMatch.fileNames(path, file);
        WeightMatch.requireFeatures(path, fileNames);
        try {
            return InferredSpec.of(fileNames, file);
        } catch (IllegalArgumentException e) {
            throw new IOException(
                    path
                            + ": does not say which network it is, and its tensors are not those of a"
                            + " whole DenseNet ("
                            + e.getMessage()
                            + ")"
                            + Shards.hint(path).map(part -> "; " + part).orElse(""),
                    e);
        }
    }

    private static List<String> classNames(Path path, ImageMetadata recorded, DenseNetSpec spec)
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
    private static Normalisation normalisation(
            Path path, TensorFile file, ImageMetadata recorded, DenseNetSpec spec)
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
        return spec.stem() == Stem.SMALL ? Normalisation.CIFAR10 : Normalisation.IMAGENET;
    }

    /** The network. */
    public DenseNetSpec spec() {
        return spec;
    }

    /** Names of the classes; {@code class 0} and so on where the file has none. */
    public List<String> classNames() {
        return classNames;
    }

    /**
     * How images are normalised: as recorded; for weights of torchvision, timm and others, which
     * record nothing, the usual constants of ImageNet or, with a small stem, of CIFAR-10.
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

    /** Whether {@link #normalisation} is known. */
    public boolean hasNormalisation() {
        return normalisation != null;
    }

    /**
     * What is known of class names, normalisation and orientation: recorded by the file or given
     * since, empty where neither. Files that are made of this model carry this and no defaults.
     */
    public ImageMetadata images() {
        return images;
    }

    /**
     * The same model with other class names. Several classes may have one name, as in the usual
     * lists of ImageNet; images are not matched to those by name.
     *
     * @throws IllegalArgumentException when there is not one name per class
     */
    public Model withClassNames(List<String> names) {
        Objects.requireNonNull(names, "names");
        if (names.size() != spec.classes()) {
            throw new IllegalArgumentException(
                    names.size() + " class names for a network with " + spec.classes());
        }
        return new Model(file, match, spec, names, normalisation, images.withClassNames(names));
    }

    /** The same model for images of another size, which weights do not depend on. */
    public Model withInputSize(int height, int width) {
        DenseNetSpec resized = spec.toBuilder().inputSize(height, width).build();
        return new Model(file, match, resized, classNames, normalisation, images);
    }

    /**
     * The same model with another normalisation.
     *
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
        return new Model(file, match, spec, classNames, value, images.withNormalisation(value));
    }

    /** The same model for images that are turned upright as their Exif data says, or are not. */
    public Model withExifOrientation(boolean on) {
        return new Model(
                file, match, spec, classNames, normalisation, images.withExifOrientation(on));
    }

    /** How the file's tensors fitted. */
    public WeightReport report() {
        return match.report();
    }

    @Override
    public float[] values(String name) throws IOException {
        return match.values(name);
    }

    @Override
    public void close() {
        file.close();
    }
}

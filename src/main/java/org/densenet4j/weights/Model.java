package org.densenet4j.weights;

import org.densenet4j.data.Normalisation;
import org.densenet4j.io.TensorFile;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.NetworkShape;
import org.densenet4j.spec.Stem;
import org.densenet4j.train.Checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * A trained network in a file: its spec, its weights, the names of its classes and how its images
 * were normalised.
 *
 * <p>Checkpoints and exports of this project carry all of that; other files need to be told the
 * spec. Owns the open file; closing twice is allowed.
 */
public final class Model implements WeightSource, AutoCloseable {
    /** Metadata key: names of the classes, a JSON array. */
    public static final String CLASSES = "classes";

    /** Metadata key: mean per channel of pixel values in 0..1, a JSON array. */
    public static final String MEAN = "normalisation.mean";

    /** Metadata key: deviation per channel, a JSON array. */
    public static final String DEVIATION = "normalisation.deviation";

    /** What training runs write: names by line, numbers by comma. */
    private static final String RUN_CLASSES = "data.classes";

    private static final String RUN_MEAN = "data.mean";
    private static final String RUN_DEVIATION = "data.deviation";

    /** The usual constants of ImageNet's training set, as torchvision and timm use them. */
    public static final Normalisation IMAGENET =
            new Normalisation(
                    new float[] {0.485f, 0.456f, 0.406f}, new float[] {0.229f, 0.224f, 0.225f});

    private final TensorFile file;
    private final WeightMatch match;
    private final DenseNetSpec spec;
    private final List<String> classNames;
    private final Normalisation normalisation;

    private Model(
            TensorFile file,
            WeightMatch match,
            DenseNetSpec spec,
            List<String> classNames,
            Normalisation normalisation) {
        this.file = file;
        this.match = match;
        this.spec = spec;
        this.classNames = List.copyOf(classNames);
        this.normalisation = normalisation;
    }

    /**
     * Opens a checkpoint or an export of this project.
     *
     * @throws IOException when it is broken or does not say which network it is
     */
    public static Model open(Path path) throws IOException {
        return open(path, null, LoadOptions.strict());
    }

    /**
     * Opens weights from anywhere.
     *
     * @param wanted the network; its number of classes is taken from the file's classifier. Null
     *     for the network that the file names
     * @param options {@link LoadOptions#ignoreUnexpected} is heeded; a head cannot be reset here
     * @throws WeightsException when the weights do not fit, with the whole list
     * @throws IOException when the file is broken, or names no network and none is wanted
     */
    public static Model open(Path path, DenseNetSpec wanted, LoadOptions options)
            throws IOException {
        TensorFile file = WeightFile.open(path);
        boolean opened = false;
        try {
            DenseNetSpec spec = spec(path, file, wanted);
            WeightMatch match =
                    WeightMatch.of(path, file, NetworkShape.of(spec), options.withResetHead(false));
            Model model =
                    new Model(
                            file,
                            match,
                            spec,
                            classNames(path, file.metadata(), spec),
                            normalisation(path, file.metadata(), spec));
            opened = true;
            return model;
        } finally {
            if (!opened) {
                file.close();
            }
        }
    }

    private static DenseNetSpec spec(Path path, TensorFile file, DenseNetSpec wanted)
            throws IOException {
        if (wanted == null) {
            if (!Checkpoint.hasSpec(file.metadata())) {
                throw new IOException(
                        path
                                + ": does not say which network it is; name it, such as --model"
                                + " densenet121");
            }
            return Checkpoint.spec(path, file);
        }
        String head = WeightMatch.fileNames(path, file).get("classifier.weight");
        List<Long> shape = head == null ? List.of() : file.tensor(head).shape();
        boolean plausible = shape.size() == 2 && shape.getFirst() > 0 && shape.getFirst() < 1 << 20;
        return plausible
                ? wanted.toBuilder().classes(Math.toIntExact(shape.getFirst())).build()
                : wanted;
    }

    private static List<String> classNames(
            Path path, Map<String, String> metadata, DenseNetSpec spec) throws IOException {
        String json = metadata.get(CLASSES);
        String lines = metadata.get(RUN_CLASSES);
        if (json == null && lines == null) {
            List<String> numbers = new ArrayList<>();
            for (int c = 0; c < spec.classes(); c++) {
                numbers.add("class " + c);
            }
            return numbers;
        }
        List<String> names =
                json == null
                        ? List.of(lines.split("\n", -1))
                        : JsonList.strings(path, CLASSES, json);
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

    private static Normalisation normalisation(
            Path path, Map<String, String> metadata, DenseNetSpec spec) throws IOException {
        String mean = list(metadata, MEAN, RUN_MEAN);
        String deviation = list(metadata, DEVIATION, RUN_DEVIATION);
        if (mean != null && deviation != null) {
            try {
                Normalisation recorded =
                        new Normalisation(
                                JsonList.floats(path, MEAN, mean),
                                JsonList.floats(path, DEVIATION, deviation));
                if (recorded.mean().length == spec.inputChannels()) {
                    return recorded;
                }
            } catch (IllegalArgumentException e) {
                throw new IOException(path + ": the normalisation is broken: " + e.getMessage(), e);
            }
            throw new IOException(path + ": the normalisation has another number of channels");
        }
        if (spec.inputChannels() == 3) {
            return spec.stem() == Stem.IMAGENET ? IMAGENET : Normalisation.CIFAR10;
        }
        float[] halves = new float[spec.inputChannels()];
        Arrays.fill(halves, 0.5f);
        return new Normalisation(halves, halves);
    }

    private static String list(Map<String, String> metadata, String key, String runKey) {
        String numbers = metadata.get(runKey);
        return metadata.getOrDefault(key, numbers == null ? null : "[" + numbers + "]");
    }

    /** The network. */
    public DenseNetSpec spec() {
        return spec;
    }

    /** Names of the classes; {@code class 0} and so on where the file has none. */
    public List<String> classNames() {
        return classNames;
    }

    /** How images are normalised: as recorded, else the usual constants for the kind of network. */
    public Normalisation normalisation() {
        return normalisation;
    }

    /** The same model with other class names. */
    public Model withClassNames(List<String> names) {
        if (names.size() != spec.classes()) {
            throw new IllegalArgumentException(
                    names.size() + " class names for a network with " + spec.classes());
        }
        return new Model(file, match, spec, names, normalisation);
    }

    /** The same model for images of another size, which weights do not depend on. */
    public Model withInputSize(int height, int width) {
        DenseNetSpec resized = spec.toBuilder().inputSize(height, width).build();
        return new Model(file, match, resized, classNames, normalisation);
    }

    /** The same model with another normalisation. */
    public Model withNormalisation(Normalisation value) {
        return new Model(file, match, spec, classNames, value);
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

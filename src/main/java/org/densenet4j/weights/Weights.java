package org.densenet4j.weights;

import org.densenet4j.backend.DeviceUse;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.engine.Network;
import org.densenet4j.graph.LearnedGroups;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.io.TensorFile;
import org.densenet4j.spec.Initialiser;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Loads weights of torchvision, timm or this project into a network that trains.
 *
 * <pre>{@code
 * Weights.load(path, trainer.network(), LoadOptions.strict().withResetHead(true));
 * }</pre>
 */
public final class Weights {
    private Weights() {}

    /**
     * {@return what a file records of the images that it was trained on}
     *
     * @param path a file, or the index of weights in several files
     * @throws IOException in one line when the file is broken
     */
    public static ImageMetadata images(Path path) throws IOException {
        return images(path, LoadOptions.strict());
    }

    /**
     * {@return the same of a file with several networks}
     *
     * @param path a file, or the index of weights in several files
     * @param options {@link LoadOptions#weightsKey} is heeded
     * @throws IOException in one line when the file is broken, or has no weights under that key
     */
    public static ImageMetadata images(Path path, LoadOptions options) throws IOException {
        try (TensorFile file = WeightFile.open(path, options)) {
            return TorchXRayVision.images(file, ImageMetadata.read(path, file.metadata()));
        }
    }

    /**
     * Loads a safetensors file or a PyTorch checkpoint. Names may be those of torchvision, its old
     * ones or FC-DenseNet's usual PyTorch port, or wrapped ({@code module.}); {@code
     * num_batches_tracked} and optimiser state are left out. Of a file with several networks {@link
     * LoadOptions#weightsKey} says which is meant. The velocities of the network are not touched.
     * Where the classifier is kept and the file names its classes, the network knows them from here
     * on, and a trainer refuses batches of others.
     *
     * @param path a file, or the index of weights in several files
     * @param network which is left as it is when anything does not fit
     * @param options what may be left out or left over
     * @return what fitted
     * @throws WeightsException when a tensor is missing, unexpected or mis-shaped, with the whole
     *     list; the network is as it was then
     * @throws IOException when the file is broken or damaged, has values that are not finite, or
     *     records another epsilon of batch normalisation than the network has; the network is as it
     *     was then
     * @throws IllegalStateException when another thread is using the network, which is as it was
     *     then
     */
    public static WeightReport load(Path path, Network network, LoadOptions options)
            throws IOException {
        Objects.requireNonNull(network, "network");
        Objects.requireNonNull(options, "options");
        NetworkSpec spec = network.plan().spec();
        try (TensorFile file = WeightFile.open(path, options)) {
            WeightMatch match = WeightMatch.of(path, file, spec, options);
            NetworkSpec recorded = RecordedNetwork.of(path, file).orElse(spec);
            RecordedNetwork.requireEpsilon(path, recorded, spec);
            match.noteUntold();
            List<String> classNames =
                    options.resetHead() ? List.of() : classNames(path, file, spec.classes());
            Map<String, float[]> values = new HashMap<>();
            for (String name : match.report().matched()) {
                values.put(name, match.values(name)); // all of them before any is set
            }
            Map<String, float[]> masks = new HashMap<>();
            for (LearnedGroups learned : network.plan().memory().masks().keySet()) {
                String weight = learned.weight();
                float[] mask =
                        match.mask(weight).orElseGet(() -> ones(network.mask(weight).length));
                masks.put(weight, mask);
            }
            Initialiser initialiser = Initialiser.of(spec.graph(), options.seed());
            try (DeviceUse _ = network.use()) { // so that no other thread comes in between
                network.classNames(classNames);
                masks.forEach(network::mask);
                for (ParameterSpec p : network.parameters()) {
                    network.parameter(p.name(), loaded(values, p, initialiser));
                }
                for (ParameterSpec p : network.runningStatistics()) { // a head may have some, too
                    network.runningStatistic(p.name(), loaded(values, p, initialiser));
                }
            }
            return match.report();
        }
    }

    /** What the file has, or, of a head that is reset, what a network begins with. */
    private static float[] loaded(
            Map<String, float[]> values, ParameterSpec p, Initialiser initialiser) {
        float[] loaded = values.get(p.name());
        if (loaded == null) {
            loaded = new float[Math.toIntExact(p.count())];
            initialiser.fill(p, loaded);
        }
        return loaded;
    }

    private static float[] ones(int count) {
        float[] ones = new float[count];
        Arrays.fill(ones, 1);
        return ones;
    }

    /** Those that the kept classifier was trained on; empty where the file does not say. */
    private static List<String> classNames(Path path, TensorFile file, int classes)
            throws IOException {
        List<String> names =
                ImageMetadata.read(path, file.metadata()).classNames().orElse(List.of());
        if (!names.isEmpty() && names.size() != classes) {
            throw new IOException(
                    path
                            + ": the metadata names "
                            + names.size()
                            + " classes, the network has "
                            + classes);
        }
        return names;
    }
}

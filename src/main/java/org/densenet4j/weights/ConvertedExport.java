package org.densenet4j.weights;

import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.LearnedGroups;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.Read;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.spec.CondenseNetSpec;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * A condensed CondenseNet as its authors convert it (Huang et al. 2018, arXiv 1711.09224, section
 * 3.2): each 1x1 convolution is one in groups, with an index of the inputs that its groups read.
 * The file has what condensation left, and {@link WeightFile#open} reads it as what it was made of.
 * What the tensors are is said by {@link ConvertedCondenseNet}.
 */
public final class ConvertedExport {
    private final Model model;
    private final Graph graph;
    private final SafetensorsWriter writer;
    private final Map<String, LearnedGroups> learned = new HashMap<>();

    private ConvertedExport(Model model) {
        this.model = model;
        this.writer = SafetensorsExport.writer(model);
        this.graph = model.spec().graph();
        graph.learnedGroups().forEach(groups -> learned.put(groups.weight(), groups));
    }

    /**
     * Writes the file; what was there before stays until it is complete.
     *
     * @param model a CondenseNet with its weights, trained until all its groups were condensed
     * @param path the file, which is replaced when the new one is complete
     * @param halfClassifier whether the classifier keeps only those half of its features that have
     *     the largest weights, as the authors' code does, which changes what the network answers;
     *     otherwise it answers the same
     * @throws IllegalArgumentException when it is no CondenseNet, or not condensed
     * @throws IOException in one line when reading or writing fails
     */
    public static void write(Model model, Path path, boolean halfClassifier) throws IOException {
        Objects.requireNonNull(model, "model");
        Objects.requireNonNull(path, "path");
        requireCondensed(model);
        new ConvertedExport(model).write(path, halfClassifier);
    }

    /**
     * Checks that a model can be converted.
     *
     * @param model with its weights
     * @throws IllegalArgumentException when it is no CondenseNet, or not condensed
     */
    public static void requireCondensed(Model model) {
        Objects.requireNonNull(model, "model");
        if (!(model.spec() instanceof CondenseNetSpec)) {
            throw new IllegalArgumentException(
                    "the weights are those of "
                            + model.spec()
                            + "; only a CondenseNet can be converted");
        }
        if (!model.isCondensed()) {
            throw new IllegalArgumentException(
                    "the weights are not condensed to the end; train them for at least half of"
                            + " their epochs first");
        }
    }

    private void write(Path path, boolean halfClassifier) throws IOException {
        Set<String> written = new HashSet<>();
        for (Node node : graph.nodes()) {
            if (node instanceof BottleneckLayer layer) {
                LearnedGroups groups = learned.get(layer.conv1() + ".weight");
                if (groups != null) {
                    written.addAll(write(layer, groups));
                }
            }
            if (halfClassifier && node instanceof Classifier classifier) {
                written.addAll(writeHalf(classifier));
            }
        }
        for (ParameterSpec p : graph.parameters()) {
            writeUnless(written, p);
        }
        for (ParameterSpec p : graph.runningStatistics()) {
            writeUnless(written, p);
        }
        writer.write(path);
    }

    private void writeUnless(Set<String> written, ParameterSpec p) throws IOException {
        if (!written.contains(p.name())) {
            float[] values = model.values(p.name());
            writer.floats(p.name(), p.shape(), () -> values);
        }
    }

    /** A layer's 1x1 convolution and the normalisation before it; the names that it had. */
    private Set<String> write(BottleneckLayer layer, LearnedGroups groups) throws IOException {
        GroupedPointwise own =
                GroupedPointwise.of(
                        groups,
                        graph.parameter(groups.weight()),
                        model.values(groups.weight()),
                        model.mask(groups.weight()).orElseThrow());
        writer.floats(groups.weight(), own.shape(), own::weights);
        long[] places = Arrays.stream(own.index()).asLongStream().toArray();
        writer.longs(groups.index(), List.of(places.length), () -> places);
        Set<String> written = new HashSet<>(Set.of(groups.weight()));
        String norm = ((Read.Normalised) layer.source()).norm().name();
        for (String part : List.of("weight", "bias", "running_mean", "running_var")) {
            float[] gathered = own.gathered(model.values(norm + "." + part));
            writer.floats(norm + "." + part, List.of(gathered.length), () -> gathered);
            written.add(norm + "." + part);
        }
        return written;
    }

    /** The classifier with half of its features, of which the most important is the last. */
    private Set<String> writeHalf(Classifier classifier) throws IOException {
        int features = classifier.source().channels();
        int half = features / 2;
        String weight = classifier.linear() + ".weight";
        String bias = classifier.linear() + ".bias";
        float[] all = model.values(weight);
        double[] importance = new double[features];
        for (int i = 0; i < all.length; i++) {
            importance[i % features] += Math.abs(all[i]);
        }
        int[] kept =
                IntStream.range(0, features)
                        .boxed()
                        .sorted(Comparator.comparingDouble(i -> importance[i]))
                        .skip(features - half)
                        .mapToInt(Integer::intValue)
                        .toArray();
        float[] some = new float[classifier.classes() * half];
        for (int i = 0; i < some.length; i++) {
            some[i] = all[i / half * features + kept[i % half]];
        }
        long[] places = Arrays.stream(kept).asLongStream().toArray();
        float[] biases = model.values(bias);
        String linear = classifier.linear() + ".linear";
        writer.floats(linear + ".weight", List.of(classifier.classes(), half), () -> some);
        writer.floats(linear + ".bias", List.of(classifier.classes()), () -> biases);
        writer.longs(classifier.linear() + ".index", List.of(half), () -> places);
        return Set.of(weight, bias);
    }
}

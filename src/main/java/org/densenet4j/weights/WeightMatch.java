package org.densenet4j.weights;

import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.io.FiniteValues;
import org.densenet4j.io.OneLine;
import org.densenet4j.io.TensorDescription;
import org.densenet4j.io.TensorFile;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.NetworkShape;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;

/** The tensors of a file matched to those of a network by name and shape. */
final class WeightMatch implements WeightSource {
    private final Path path;
    private final TensorFile file;
    private final Map<String, String> fileNames;
    private final WeightReport report;

    private WeightMatch(
            Path path, TensorFile file, Map<String, String> fileNames, WeightReport report) {
        this.path = path;
        this.file = file;
        this.fileNames = fileNames;
        this.report = report;
    }

    /**
     * Matches and checks.
     *
     * @throws WeightsException when the options do not allow to load this
     */
    static WeightMatch of(Path path, TensorFile file, NetworkShape shape, LoadOptions options)
            throws IOException {
        Map<String, String> fileNames = fileNames(path, file);
        requireFeatures(path, fileNames);
        List<String> matched = new ArrayList<>();
        List<String> missing = new ArrayList<>();
        List<WeightReport.Mismatch> misshaped = new ArrayList<>();
        List<ParameterSpec> wanted = new ArrayList<>(shape.parameters());
        wanted.addAll(shape.buffers());
        Map<String, String> unexpected = new LinkedHashMap<>(fileNames);
        for (ParameterSpec p : wanted) {
            unexpected.remove(p.name());
            if (options.resetHead() && WeightReport.isHead(p.name())) {
                continue;
            }
            if (!fileNames.containsKey(p.name())) {
                missing.add(p.name());
                continue;
            }
            String fileName = fileNames.get(p.name());
            List<Long> expected = p.shape().stream().map(Integer::longValue).toList();
            if (!file.contains(fileName)) {
                misshaped.add(
                        new WeightReport.Mismatch(
                                p.name(),
                                file.unreadable().get(fileName) + ", which is not read",
                                "floating-point " + expected));
                continue;
            }
            TensorDescription tensor = file.describe(fileName);
            if (tensor.shape().equals(expected) && tensor.type().isFloat()) {
                matched.add(p.name());
            } else {
                misshaped.add(
                        new WeightReport.Mismatch(
                                p.name(), tensor.toString(), "floating-point " + expected));
            }
        }
        unexpected.values().removeAll(file.unreadable().keySet()); // never of use
        WeightReport report =
                new WeightReport(
                        matched,
                        missing,
                        unexpected.entrySet().stream()
                                .filter(e -> !options.resetHead() || isFeature(e.getKey()))
                                .map(Map.Entry::getValue)
                                .toList(),
                        misshaped,
                        options.resetHead());
        Optional<String> part = Shards.hint(path);
        String refusal = report.refusal(options, part).orElse(null);
        if (refusal != null) {
            String other = part.isPresent() ? "" : likeness(fileNames, file, shape);
            throw new WeightsException(path, refusal + other, report);
        }
        return new WeightMatch(path, file, fileNames, report);
    }

    static void requireFeatures(Path path, Map<String, String> fileNames) throws IOException {
        if (!WeightNames.anyFeature(fileNames.values())) {
            throw new IOException(
                    path
                            + ": has no tensor with a name of a DenseNet, such as"
                            + " features.conv0.weight; its names are like "
                            + fileNames.values().stream()
                                    .limit(2)
                                    .map(OneLine::shortened)
                                    .collect(Collectors.joining(", ")));
        }
    }

    /** Which network the tensors are of, where that is another one. */
    private static String likeness(
            Map<String, String> fileNames, TensorFile file, NetworkShape shape) {
        try {
            DenseNetSpec other = InferredSpec.of(fileNames, file);
            DenseNetSpec wanted = shape.spec();
            boolean same =
                    other.growthRate() == wanted.growthRate()
                            && other.layersPerBlock().equals(wanted.layersPerBlock())
                            && other.initialChannels() == wanted.initialChannels()
                            && other.inputChannels() == wanted.inputChannels()
                            && other.bottleneckWidth() == wanted.bottleneckWidth()
                            && other.stem() == wanted.stem();
            return same ? "" : " Its tensors are those of " + other;
        } catch (IllegalArgumentException e) {
            return ""; // of none, or not of a whole one
        }
    }

    /** What is outside of the features belongs to the head that is left out, whatever its name. */
    private static boolean isFeature(String canonical) {
        return canonical.startsWith("features.");
    }

    /** The file's names by torchvision's, without bookkeeping; also of what cannot be read. */
    static Map<String, String> fileNames(Path path, TensorFile file) throws IOException {
        List<String> all = new ArrayList<>(file.names());
        all.addAll(file.unreadable().keySet());
        WeightNames names;
        try {
            names = WeightNames.of(all);
        } catch (IllegalArgumentException e) {
            throw new IOException(path + ": " + e.getMessage(), e);
        }
        Map<String, String> fileNames = new LinkedHashMap<>();
        for (String name : all) {
            String canonical = names.canonical(name);
            if (WeightNames.isBookkeeping(canonical)) {
                continue;
            }
            String other = fileNames.put(canonical, name);
            if (other != null) {
                throw new IOException(
                        path
                                + ": '"
                                + other
                                + "' and '"
                                + name
                                + "' are both '"
                                + canonical
                                + "'; which one is meant?");
            }
        }
        return fileNames;
    }

    /**
     * Reads every tensor that fits once.
     *
     * @throws IOException in one line when one is damaged or has values that are not finite
     */
    void checkValues() throws IOException {
        for (String name : report.matched()) {
            values(name);
        }
    }

    WeightReport report() {
        return report;
    }

    @Override
    public float[] values(String name) throws IOException {
        Objects.requireNonNull(name, "name");
        if (!fileNames.containsKey(name)) {
            throw new IllegalArgumentException(
                    path + ": has no tensor for '" + name + "' of the network");
        }
        return FiniteValues.of(path, name, file.tensor(fileNames.get(name)));
    }
}

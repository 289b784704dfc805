package org.densenet4j.weights;

import org.densenet4j.backend.Notice;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.LearnedGroups;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.io.FiniteValues;
import org.densenet4j.io.TensorDescription;
import org.densenet4j.io.TensorFile;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.train.Checkpoint;

import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/** The tensors of a file matched to those of a network by name and shape. */
final class WeightMatch implements WeightSource {
    private final Path path;
    private final TensorFile file;
    private final Map<String, String> fileNames;
    private final Map<String, InputChannels> adapted;

    /** The masks that there are, by the weights that have learned groups. */
    private final Map<String, Mask> masks;

    private final WeightReport report;

    private WeightMatch(
            Path path,
            TensorFile file,
            Map<String, String> fileNames,
            Map<String, InputChannels> adapted,
            Map<String, Mask> masks,
            WeightReport report) {
        this.adapted = adapted;
        this.masks = masks;
        this.path = path;
        this.file = file;
        this.fileNames = fileNames;
        this.report = report;
    }

    /** A mask of the file. */
    private record Mask(LearnedGroups learned, ParameterSpec weights, String fileName) {}

    /**
     * Matches and checks.
     *
     * @throws WeightsException when the options do not allow to load this
     */
    static WeightMatch of(Path path, TensorFile file, NetworkSpec spec, LoadOptions options)
            throws IOException {
        FileTensors tensors = FileTensors.of(path, file, NameStyle.of(spec));
        tensors.requireFeatures();
        Map<String, String> fileNames = tensors.fileNames();
        Graph graph = spec.graph();
        Head head = Head.of(graph);
        List<String> matched = new ArrayList<>();
        List<String> missing = new ArrayList<>();
        List<WeightReport.Mismatch> misshaped = new ArrayList<>();
        Map<String, ParameterSpec> readers = InputChannels.readers(graph);
        Map<String, InputChannels> adapted = new LinkedHashMap<>();
        Optional<String> channels = Optional.empty();
        List<ParameterSpec> wanted = new ArrayList<>(graph.parameters());
        wanted.addAll(graph.runningStatistics());
        Map<String, String> unexpected = new LinkedHashMap<>(fileNames);
        for (ParameterSpec p : wanted) {
            unexpected.remove(p.name());
            if (options.resetHead() && head.has(p.name())) {
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
                                fileName,
                                file.unreadable().get(fileName) + ", which is not read",
                                "floating-point " + expected));
                continue;
            }
            TensorDescription tensor = file.describe(fileName);
            Optional<InputChannels> other =
                    options.adaptInput() && readers.containsKey(p.name())
                            ? InputChannels.of(p, tensor.shape())
                            : Optional.empty();
            if (tensor.type().isFloat() && tensor.shape().equals(expected)) {
                matched.add(p.name());
            } else if (tensor.type().isFloat() && other.isPresent()) {
                matched.add(p.name());
                adapted.put(p.name(), other.get());
            } else {
                if (readers.containsKey(p.name())) {
                    channels = InputChannels.refusal(p, tensor.shape(), options.adaptInput());
                }
                misshaped.add(
                        new WeightReport.Mismatch(
                                p.name(),
                                fileName,
                                tensor.toString(),
                                "floating-point " + expected));
            }
        }
        Map<String, Mask> masks = new LinkedHashMap<>();
        for (LearnedGroups learned : graph.learnedGroups()) {
            String mask = unexpected.remove(learned.mask());
            if (mask != null && file.contains(mask)) {
                masks.put(
                        learned.weight(),
                        new Mask(learned, graph.parameter(learned.weight()), mask));
            }
        }
        unexpected.values().removeAll(file.unreadable().keySet()); // never of use
        WeightReport report =
                new WeightReport(
                        matched,
                        missing,
                        unexpected.entrySet().stream()
                                .filter(
                                        e ->
                                                !options.resetHead()
                                                        || tensors.style().isFeature(e.getKey()))
                                .map(Map.Entry::getValue)
                                .toList(),
                        misshaped,
                        options.resetHead(),
                        Checkpoint.hasSpec(file.metadata()) ? Optional.empty() : Untold.of(spec),
                        adapted.values().stream().map(InputChannels::toString).toList());
        Optional<String> part = Shards.hint(path);
        Optional<String> images = channels;
        String refusal = report.refusal(options, head, part.or(() -> images)).orElse(null);
        if (refusal != null) {
            String other = part.isPresent() ? "" : likeness(tensors, graph, head);
            throw new WeightsException(path, refusal + other, report);
        }
        return new WeightMatch(path, file, fileNames, adapted, masks, report);
    }

    /** Which network the tensors are of, where that is another one, but for the head. */
    private static String likeness(FileTensors tensors, Graph graph, Head head) {
        try {
            FamilySpec other = InferredSpec.of(tensors);
            boolean same = features(other.graph(), head).equals(features(graph, head));
            return same ? "" : " Its tensors are those of " + other;
        } catch (IllegalArgumentException e) {
            return ""; // of none, or not of a whole one
        }
    }

    private static List<ParameterSpec> features(Graph graph, Head head) {
        return graph.parameters().stream().filter(p -> !head.has(p.name())).toList();
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

    /** Says in the log what the file does not tell. */
    void noteUntold() {
        report.untold().ifPresent(line -> Notice.once(Level.WARNING, path + ": " + line));
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
        float[] values = FiniteValues.of(path, name, file.tensor(fileNames.get(name)));
        InputChannels other = adapted.get(name);
        float[] mask = mask(name).orElse(null);
        for (int i = 0; mask != null && i < values.length; i++) {
            values[i] = mask[i] == 0 ? 0 : values[i]; // never a negative zero
        }
        return other == null ? values : other.adapted(values);
    }

    /**
     * Whether there are learned groups and all have lost what they are to lose.
     *
     * @throws IOException in one line when a mask is none
     */
    boolean isCondensed(Graph graph) throws IOException {
        for (LearnedGroups learned : graph.learnedGroups()) {
            Optional<float[]> mask = mask(learned.weight());
            ParameterSpec weights = graph.parameter(learned.weight());
            int inputs = weights.shape().get(1);
            if (mask.isEmpty()
                    || learned.taken(weights, mask.get()) < inputs - learned.left(inputs)) {
                return false;
            }
        }
        return !graph.learnedGroups().isEmpty();
    }

    /**
     * The mask of weights with learned groups, which {@link #values} are multiplied with; empty
     * where the file has none, so that nothing was taken away.
     *
     * @throws IOException in one line when it is none
     */
    Optional<float[]> mask(String weight) throws IOException {
        Mask known = masks.get(weight);
        if (known == null) {
            return Optional.empty();
        }
        String fileName = known.fileName();
        float[] mask = FiniteValues.of(path, fileName, file.tensor(fileName));
        Optional<String> misfit = known.learned().misfit(known.weights(), mask);
        if (misfit.isPresent()) {
            throw new IOException(path + ": the mask '" + fileName + "' " + misfit.get());
        }
        return Optional.of(mask);
    }
}

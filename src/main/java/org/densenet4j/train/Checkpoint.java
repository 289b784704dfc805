package org.densenet4j.train;

import org.densenet4j.engine.Network;
import org.densenet4j.graph.LearnedGroups;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.io.FiniteValues;
import org.densenet4j.io.OneLine;
import org.densenet4j.io.Safetensors;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.io.Tensor;
import org.densenet4j.io.TensorFile;
import org.densenet4j.spec.SpecMetadata;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * A trainer's state as one safetensors file: parameters and running statistics under torchvision's
 * names (so that PyTorch can load the file as it is), what the optimiser remembers under {@code
 * optimizer.} and its name, such as {@code optimizer.velocity.}, moving averages of the weights,
 * where there are some, under {@code optimizer.average.}, the spec and the counters as metadata.
 */
public final class Checkpoint {
    private static final String PROJECT = "densenet4j";
    private static final String FORMAT = PROJECT + "-checkpoint-1";
    private static final String OPTIMISER = "optimizer.";
    private static final String AVERAGE = OPTIMISER + "average.";

    private Checkpoint() {}

    /**
     * Saves a state.
     *
     * @param step that the network has got to, for messages
     * @throws NonFiniteException when a number is NaN or infinite: the file could not be loaded. A
     *     previous one stays then
     */
    static void save(
            Path path, Network network, NetworkSpec spec, Map<String, String> counters, long step)
            throws IOException {
        SafetensorsWriter writer = new SafetensorsWriter().sealed().metadata("format", FORMAT);
        SpecMetadata.of(spec).forEach(writer::metadata);
        new TreeMap<>(counters).forEach(writer::metadata);
        for (ParameterSpec p : network.parameters()) {
            writer.floats(
                    p.name(), p.shape(), () -> finite(step, p.name(), network.parameter(p.name())));
        }
        for (ParameterSpec p : network.runningStatistics()) {
            writer.floats(
                    p.name(),
                    p.shape(),
                    () -> finite(step, p.name(), network.runningStatistic(p.name())));
        }
        for (LearnedGroups learned : network.plan().memory().masks().keySet()) {
            ParameterSpec weights =
                    network.plan().memory().parameterLayout().spec(learned.weight());
            writer.floats(learned.mask(), weights.shape(), () -> network.mask(learned.weight()));
        }
        for (String state : network.optimiserState()) {
            for (ParameterSpec p : network.parameters()) {
                writer.floats(
                        name(state, p),
                        p.shape(),
                        () ->
                                finite(
                                        step,
                                        "the " + state + " of " + p.name(),
                                        network.optimiserState(state, p.name())));
            }
        }
        if (network.hasAverages()) {
            for (ParameterSpec p : averaged(network)) {
                writer.floats(
                        AVERAGE + p.name(),
                        p.shape(),
                        () ->
                                finite(
                                        step,
                                        "the average of " + p.name(),
                                        network.average(p.name())));
            }
        }
        writer.write(path);
    }

    private static void checkMask(
            Path path, Safetensors file, Network network, LearnedGroups learned)
            throws IOException {
        try {
            network.checkMask(learned.weight(), values(path, file, learned.mask()));
        } catch (IllegalArgumentException e) {
            throw new IOException(path + ": " + e.getMessage(), e);
        }
    }

    private static String name(String state, ParameterSpec p) {
        return OPTIMISER + state + "." + p.name();
    }

    private static List<ParameterSpec> averaged(Network network) {
        return Stream.concat(network.parameters().stream(), network.runningStatistics().stream())
                .toList();
    }

    private static float[] finite(long step, String name, float[] values) {
        for (float value : values) {
            if (!Float.isFinite(value)) {
                throw new NonFiniteException(step, name, "the network");
            }
        }
        return values;
    }

    /** What else must be right before a state is loaded. */
    interface Check {
        /** Throws when the metadata of a file are not those of something to continue. */
        void check(Map<String, String> metadata) throws IOException;
    }

    /**
     * Loads a state into a network of the same spec; nothing is changed when the file is wrong or
     * the check throws.
     */
    static Map<String, String> load(Path path, Network network, NetworkSpec spec, Check check)
            throws IOException {
        try (Safetensors file = Safetensors.open(path)) {
            boolean sealed = file.verify();
            if (!isOne(file.metadata())) {
                throw new IOException(
                        path
                                + ": is not a checkpoint, which a trainer saved; Weights.load"
                                + " (--weights) starts from the weights of other files");
            }
            if (!sealed) {
                throw new IOException(path + ": is damaged: its checksum is missing");
            }
            NetworkSpec saved = spec(path, file);
            check.check(file.metadata());
            String difference = SpecMetadata.difference(saved, spec).orElse(null);
            if (difference != null) {
                throw new IOException(
                        path
                                + ": was saved from "
                                + saved
                                + ", this trainer has "
                                + spec
                                + ": "
                                + difference);
            }
            for (ParameterSpec p : network.parameters()) {
                check(path, file, p.name(), p);
                for (String state : network.optimiserState()) {
                    check(path, file, name(state, p), p);
                }
            }
            for (ParameterSpec p : network.runningStatistics()) {
                check(path, file, p.name(), p);
            }
            for (LearnedGroups learned : network.plan().memory().masks().keySet()) {
                check(
                        path,
                        file,
                        learned.mask(),
                        network.plan().memory().parameterLayout().spec(learned.weight()));
                checkMask(path, file, network, learned);
            }
            boolean averages = hasAverages(network, file);
            if (averages) {
                for (ParameterSpec p : averaged(network)) {
                    check(path, file, AVERAGE + p.name(), p);
                }
            }
            network.classNames(List.of()); // the trainer knows those of its checkpoints
            // First, so that no weights are lost to a mask of before.
            for (LearnedGroups learned : network.plan().memory().masks().keySet()) {
                network.mask(learned.weight(), values(path, file, learned.mask()));
            }
            for (ParameterSpec p : network.parameters()) {
                network.parameter(p.name(), values(path, file, p.name()));
                for (String state : network.optimiserState()) {
                    network.optimiserState(state, p.name(), values(path, file, name(state, p)));
                }
            }
            for (ParameterSpec p : network.runningStatistics()) {
                network.runningStatistic(p.name(), values(path, file, p.name()));
            }
            if (averages) {
                for (ParameterSpec p : averaged(network)) {
                    network.average(p.name(), values(path, file, AVERAGE + p.name()));
                }
            }
            return file.metadata();
        }
    }

    /** Files of before, and of trainers without them, have none. */
    private static boolean hasAverages(Network network, Safetensors file) {
        return network.hasAverages()
                && file.contains(AVERAGE + network.parameters().getFirst().name());
    }

    private static void check(Path path, Safetensors file, String name, ParameterSpec p)
            throws IOException {
        if (!file.contains(name)) {
            throw new IOException(path + ": the tensor '" + name + "' is missing");
        }
        Tensor tensor = file.tensor(name);
        List<Long> expected = p.shape().stream().map(Integer::longValue).toList();
        if (!tensor.shape().equals(expected) || !tensor.type().isFloat()) {
            throw new IOException(
                    path
                            + ": the tensor '"
                            + name
                            + "' is "
                            + tensor.type()
                            + " "
                            + tensor.shape()
                            + ", the network wants floating-point "
                            + expected);
        }
        values(path, file, name);
    }

    private static float[] values(Path path, Safetensors file, String name) throws IOException {
        return FiniteValues.of(path, name, file.tensor(name));
    }

    /**
     * What a checkpoint says without its tensors.
     *
     * @param spec that it was saved from
     * @param metadata all entries: the spec, counters and the caller's
     */
    public record Description(NetworkSpec spec, Map<String, String> metadata) {}

    /**
     * Reads what a checkpoint says, and the whole file once for its checksum.
     *
     * @param path a checkpoint
     * @return the network and the metadata
     * @throws IOException in one line when the file is not a checkpoint, or damaged
     */
    public static Description describe(Path path) throws IOException {
        Objects.requireNonNull(path, "path");
        try (Safetensors file = Safetensors.open(path)) {
            verify(file);
            return new Description(spec(path, file), file.metadata());
        }
    }

    /**
     * {@return the spec of {@link #describe}}
     *
     * @param path a checkpoint
     * @throws IOException in one line when there is no such file, or it is damaged or no checkpoint
     */
    public static NetworkSpec spec(Path path) throws IOException {
        return describe(path).spec();
    }

    /**
     * {@return the metadata of {@link #describe}}
     *
     * @param path a checkpoint
     * @throws IOException in one line when there is no such file, or it is damaged or no checkpoint
     */
    public static Map<String, String> metadata(Path path) throws IOException {
        return describe(path).metadata();
    }

    /**
     * {@return whether a file's metadata are those of a checkpoint of this project}
     *
     * @param metadata of a file
     */
    public static boolean isOne(Map<String, String> metadata) {
        Objects.requireNonNull(metadata, "metadata");
        return FORMAT.equals(metadata.get("format"));
    }

    /**
     * Compares a file of this project with its checksum, where it has one. Files of others may have
     * an entry of that name that means something else.
     *
     * @param file an open checkpoint
     * @throws IOException in one line when they differ
     */
    public static void verify(Safetensors file) throws IOException {
        Objects.requireNonNull(file, "file");
        Map<String, String> metadata = file.metadata();
        if (metadata.getOrDefault("format", "").startsWith(PROJECT)
                || metadata.keySet().stream()
                        .anyMatch(key -> key.startsWith(SpecMetadata.PREFIX))) {
            file.verify();
        }
    }

    /**
     * {@return whether a file's metadata carry a spec, as those of checkpoints and exports do}
     *
     * @param metadata of a file
     */
    public static boolean hasSpec(Map<String, String> metadata) {
        return SpecMetadata.isIn(metadata);
    }

    /**
     * {@return the spec in a file's metadata}
     *
     * @param path a checkpoint
     * @param file the same file, opened
     * @throws IOException in one line when there is none or it is broken
     */
    public static NetworkSpec spec(Path path, TensorFile file) throws IOException {
        Objects.requireNonNull(path, "path");
        Objects.requireNonNull(file, "file");
        Map<String, String> metadata = file.metadata();
        if (!hasSpec(metadata)) {
            throw new IOException(path + ": is not a densenet4j checkpoint");
        }
        try {
            return SpecMetadata.read(metadata, file.names().size());
        } catch (IllegalArgumentException e) {
            throw new IOException(
                    path + ": the spec in the metadata is broken: " + OneLine.of(e.getMessage()),
                    e);
        }
    }

    /**
     * {@return a spec as metadata entries, which {@link #spec(Path, TensorFile)} reads}
     *
     * @param spec the network
     */
    public static Map<String, String> specMetadata(NetworkSpec spec) {
        return SpecMetadata.of(spec);
    }
}

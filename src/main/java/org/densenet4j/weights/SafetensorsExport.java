package org.densenet4j.weights;

import org.densenet4j.graph.Graph;
import org.densenet4j.graph.LearnedGroups;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.train.Checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * A model as safetensors with exactly the names of the state dict of torchvision's, timm's or the
 * usual PyTorch network, so that {@code model.load_state_dict(safetensors.torch.load_file(path))}
 * takes it as it is. The spec is in the metadata, and so are class names and normalisation where
 * they are known.
 */
public final class SafetensorsExport {
    private SafetensorsExport() {}

    /**
     * Writes the file; what was there before stays until it is complete.
     *
     * @param model with its weights
     * @param path the file, which is replaced when the new one is complete
     * @throws IOException in one line when reading or writing fails
     */
    public static void write(Model model, Path path) throws IOException {
        Objects.requireNonNull(model, "model");
        Objects.requireNonNull(path, "path");
        SafetensorsWriter writer = writer(model);
        Graph graph = model.spec().graph();
        for (ParameterSpec p : graph.parameters()) {
            writer.floats(p.name(), p.shape(), () -> values(model, p));
        }
        for (LearnedGroups learned : graph.learnedGroups()) {
            Optional<float[]> mask = model.mask(learned.weight());
            if (mask.isPresent()) {
                write(writer, learned, graph, mask.get());
            }
        }
        for (ParameterSpec p : graph.runningStatistics()) {
            writer.floats(p.name(), p.shape(), () -> values(model, p));
            if (p.name().endsWith(".running_var")) {
                // PyTorch counts batches for a kind of momentum that nobody uses here.
                String norm = p.name().substring(0, p.name().length() - "running_var".length());
                writer.longs(norm + "num_batches_tracked", List.of(), () -> new long[1]);
            }
        }
        try {
            writer.write(path);
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    /** A file with all that is known of a model but its tensors. */
    static SafetensorsWriter writer(Model model) {
        SafetensorsWriter writer = new SafetensorsWriter().sealed().metadata("format", "pt");
        Checkpoint.specMetadata(model.spec()).forEach(writer::metadata);
        model.images().entries().forEach(writer::metadata);
        model.outputs().entries().forEach(writer::metadata);
        return writer;
    }

    /** With what the authors' code of CondenseNet counts, where the names are theirs. */
    private static void write(
            SafetensorsWriter writer, LearnedGroups learned, Graph graph, float[] mask) {
        ParameterSpec weights = graph.parameter(learned.weight());
        writer.floats(learned.mask(), weights.shape(), () -> mask);
        if (learned.mask().endsWith("._mask")) {
            int taken = learned.taken(weights, mask);
            int share = weights.shape().get(1) / learned.factor();
            float[] count = {taken};
            float[] stage = {(float) (taken / share)};
            String module = learned.mask().substring(0, learned.mask().length() - 4);
            writer.floats(module + "count", List.of(1), () -> count);
            writer.floats(module + "stage", List.of(1), () -> stage);
        }
    }

    private static float[] values(Model model, ParameterSpec p) {
        try {
            return model.values(p.name());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

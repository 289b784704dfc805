package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Norm;

import java.util.List;
import java.util.Optional;

/**
 * Memory of a batch normalisation in inference.
 *
 * @param parts whose tensors it has, in the order of its channels
 * @param affine [2, C] scale and shift: made once of running statistics, or in every pass of the
 *     batch's
 * @param parameters [2, C] gamma and beta, where statistics are those of the batch at hand
 */
public record InferenceNorm(List<Part> parts, Matrix affine, Optional<Matrix> parameters) {
    /** Keeps a copy. */
    public InferenceNorm {
        parts = List.copyOf(parts);
    }

    /**
     * Some channels that one norm normalises.
     *
     * @param norm its tensors; none of channels that are normalised already
     * @param first of the channels among those of the norm
     * @param count how many there are
     */
    public record Part(Optional<Norm> norm, int first, int count) {}

    /**
     * Asks for it.
     *
     * @param name of the buffer
     * @param frame for what only a pass needs
     */
    static InferenceNorm of(
            Norm norm, int channels, String name, InferencePlanner planner, Allocator.Frame frame) {
        List<Part> parts = List.of(new Part(Optional.of(norm), 0, channels));
        if (planner.usesBatchStatistics()) {
            Matrix parameters = planner.weights(name, 2, channels);
            return new InferenceNorm(parts, frame.matrix(2, channels), Optional.of(parameters));
        }
        return new InferenceNorm(parts, planner.weights(name, 2, channels), Optional.empty());
    }

    /**
     * Asks for that of columns whose writers normalise, which have running statistics.
     *
     * @param ranges columns that are read
     * @param name of the buffer
     */
    static InferenceNorm ofWriters(List<Columns> ranges, String name, InferencePlanner planner) {
        Graph graph = planner.graph();
        List<Part> parts =
                ranges.stream()
                        .flatMap(c -> graph.norms(c).stream())
                        .map(w -> new Part(w.norm(), w.first(), w.columns().count()))
                        .toList();
        int channels = parts.stream().mapToInt(Part::count).sum();
        return new InferenceNorm(parts, planner.weights(name, 2, channels), Optional.empty());
    }

    /** {@return the norm of all channels, of which there is one} */
    public Norm norm() {
        return parts.getFirst().norm().orElseThrow();
    }
}

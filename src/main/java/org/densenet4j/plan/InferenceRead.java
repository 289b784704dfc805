package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.L2Norm;
import org.densenet4j.graph.Read;

import java.util.List;
import java.util.Optional;

/**
 * What a node reads in inference.
 *
 * @param ranges columns in the order of the node's weights
 * @param norm the normalisation that is left to the reader: none of columns that are read as they
 *     are, or whose normalisation is folded into the convolution that wrote them
 * @param relu whether a ReLU follows it
 * @param scales of an L2 normalisation, where it is read behind one
 */
public record InferenceRead(
        List<Columns> ranges, Optional<InferenceNorm> norm, boolean relu, Optional<Scales> scales) {
    /**
     * The scales of an L2 normalisation.
     *
     * @param norm whose they are
     * @param values [1, C]
     */
    public record Scales(L2Norm norm, Matrix values) {}

    /** Keeps a copy. */
    public InferenceRead {
        ranges = List.copyOf(ranges);
    }

    private static InferenceRead asTheyAre(List<Columns> ranges) {
        return new InferenceRead(ranges, Optional.empty(), false, Optional.empty());
    }

    private static InferenceRead normalised(
            List<Columns> ranges, InferenceNorm norm, boolean relu) {
        return new InferenceRead(ranges, Optional.of(norm), relu, Optional.empty());
    }

    /**
     * Asks for what the read needs.
     *
     * @param affine name of the buffer of scale and shift
     * @param frame for what only a pass needs
     */
    static InferenceRead of(
            Read read, String affine, InferencePlanner planner, Allocator.Frame frame) {
        return switch (read) {
            case Read.Normalised n when !planner.folded().isFolded(n) ->
                    normalised(
                            n.ranges(),
                            InferenceNorm.of(n.norm(), n.channels(), affine, planner, frame),
                            n.relu());
            case Read.Normalised n -> asTheyAre(n.ranges());
            case Read.Activated a ->
                    normalised(
                            a.ranges(), InferenceNorm.ofWriters(a.ranges(), affine, planner), true);
            case Read.L2Normalised n ->
                    new InferenceRead(
                            n.ranges(),
                            Optional.empty(),
                            false,
                            Optional.of(
                                    new Scales(
                                            n.norm(), planner.weights(affine, 1, n.channels()))));
            case Read.Raw raw -> asTheyAre(raw.ranges());
        };
    }

    /** {@return channels that are read} */
    public int channels() {
        return ranges.stream().mapToInt(Columns::count).sum();
    }

    /** {@return whether the columns are read as they are, out of one matrix} */
    public boolean isPlain() {
        return norm.isEmpty() && scales.isEmpty() && ranges.size() == 1;
    }

    /** Whether they lie densely, too, so that a convolution reads them where they are. */
    boolean isDense(InferencePlanner planner) {
        return isPlain() && planner.layout(ranges.getFirst()).isDense();
    }

    /** A chunk of it, dense, in each lane; empty where it is read in its place. */
    Matrix[] chunk(int rows, InferencePlanner planner, Allocator.Frame frame) {
        return frame.activations(isDense(planner) ? 0 : rows, channels());
    }
}

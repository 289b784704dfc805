package org.densenet4j.graph;

import org.densenet4j.graph.ParameterSpec.Role;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * One operation of a network: what it reads, which columns it writes, and its tensors. Everything
 * else follows from that: when memory lives, who writes a gradient first, the schedule of a step.
 *
 * <p>A kind of node is a record of this package; each of the packages that walk over a graph has
 * one file for it: its memory in {@code plan}, its training in {@code engine}, its forward pass in
 * {@code inference}. The compiler names the places where a new kind is missing.
 */
public sealed interface Node
        permits ConvolutionLayer,
                PooledConvolution,
                BottleneckLayer,
                Transition,
                TransitionDown,
                TransitionUp,
                Pooling,
                Addition,
                Classifier,
                PixelClassifier {
    /** The name of its operation, which no other node of the network has. */
    String name();

    /** What it reads, in the order in which the forward pass does. */
    List<Read> reads();

    /** The columns that it writes; none for a head, whose logits are no features. */
    Optional<Columns> writes();

    /** Tensors that are trained, in PyTorch's order and layouts. */
    List<ParameterSpec> parameters();

    /** Multiply-adds of one image's forward pass: convolutions and linear layers, no biases. */
    long multiplyAdds();

    /** What a pixel of its output sees of its input. */
    List<Window> windows();

    /** Batch normalisations between its own operations, with their channels. */
    default List<InnerNorm> innerNorms() {
        return List.of();
    }

    /** Values of one image, of its own, that its backward pass reads unless it makes them again. */
    default long innerValues() {
        return 0;
    }

    /** What it drops in training. */
    default Drops drops() {
        return Drops.NOTHING;
    }

    /** Whether its backward pass reads the values again that its forward pass has read. */
    default boolean readsAgain(Read read) {
        return true;
    }

    /** Whether its backward pass reads the values that its forward pass has written. */
    default boolean needsOutput() {
        return false;
    }

    /** The batch normalisation of values that are the node's own, such as a bottleneck's. */
    record InnerNorm(Norm norm, int channels) {}

    /** Running statistics, in the order of the normalisations. */
    default List<ParameterSpec> runningStatistics() {
        List<ParameterSpec> tensors = new ArrayList<>();
        for (ParameterSpec p : parameters()) {
            if (p.role() == Role.BN_WEIGHT) {
                String norm = p.name().substring(0, p.name().length() - ".weight".length());
                int channels = p.shape().getFirst();
                tensors.add(
                        ParameterSpec.of(norm + ".running_mean", Role.RUNNING_STATISTIC, channels));
                tensors.add(
                        ParameterSpec.of(norm + ".running_var", Role.RUNNING_STATISTIC, channels));
            }
        }
        return tensors;
    }
}

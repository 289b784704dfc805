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
                DepthwiseLayer,
                PatchConvolution,
                Pooling,
                Addition,
                Classifier,
                PixelHead {
    /** {@return the name of its operation, which no other node of the network has} */
    String name();

    /** {@return what it reads, in the order in which the forward pass does} */
    List<Read> reads();

    /** {@return the columns that it writes; none for a head, whose logits are no features} */
    Optional<Columns> writes();

    /** {@return tensors that are trained, in PyTorch's order and layouts} */
    List<ParameterSpec> parameters();

    /**
     * {@return multiply-adds of one image's forward pass: convolutions and linear layers, no
     * biases}
     */
    long multiplyAdds();

    /** {@return what a pixel of its output sees of its input} */
    List<Window> windows();

    /** {@return batch normalisations between its own operations, with their channels} */
    default List<InnerNorm> innerNorms() {
        return List.of();
    }

    /**
     * {@return values of one image, of its own, that its backward pass reads unless it makes them
     * again}
     */
    default long innerValues() {
        return 0;
    }

    /**
     * {@return the batch normalisation of the columns that it writes, which all that read them
     * {@linkplain Read.Activated activated} share; none where every reader has its own}
     */
    default Optional<Norm> outputNorm() {
        return Optional.empty();
    }

    /** {@return what it drops in training} */
    default Drops drops() {
        return Drops.NOTHING;
    }

    /**
     * {@return whether its backward pass reads the values again that its forward pass has read}
     *
     * @param read one of {@link #reads}
     */
    default boolean readsAgain(Read read) {
        return true;
    }

    /** {@return whether its backward pass reads the values that its forward pass has written} */
    default boolean needsOutput() {
        return false;
    }

    /**
     * The batch normalisation of values that are the node's own, such as a bottleneck's.
     *
     * @param norm its names and constants
     * @param channels that it normalises
     */
    record InnerNorm(Norm norm, int channels) {}

    /** {@return running statistics, in the order of the normalisations} */
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

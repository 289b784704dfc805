package org.densenet4j.graph;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Optional;

/**
 * A dense layer with a bottleneck: BN-ReLU-Conv1x1-BN-ReLU-Conv3x3 over a column prefix (Huang et
 * al. 2017, section 3). The 3x3 convolution may be one in groups, as CondenseNet's (Huang et al.
 * 2018, arXiv 1711.09224, section 3): each of them makes its share of the new channels of its share
 * of the bottleneck's.
 *
 * @param name of the operation
 * @param source the prefix
 * @param width channels between the convolutions, 4k in the paper
 * @param conv1 name of the 1x1 convolution's tensors
 * @param norm2 of what is between the convolutions
 * @param conv2 name of the 3x3 convolution's tensors
 * @param groups of the 3x3 convolution, 1 where every new channel sees all of the bottleneck
 * @param drops what of its output is dropped in training
 * @param target the k columns that it writes
 */
public record BottleneckLayer(
        String name,
        Read.Normalised source,
        int width,
        String conv1,
        Norm norm2,
        String conv2,
        @IfAbsent(1) int groups,
        Drops drops,
        Columns target)
        implements Node {

    /**
     * A layer whose 3x3 convolution has no groups.
     *
     * @param name of the operation
     * @param source the prefix
     * @param width channels between the convolutions, 4k in the paper
     * @param conv1 name of the 1x1 convolution's tensors
     * @param norm2 of what is between the convolutions
     * @param conv2 name of the 3x3 convolution's tensors
     * @param drops what of its output is dropped in training
     * @param target the k columns that it writes
     */
    public BottleneckLayer(
            String name,
            Read.Normalised source,
            int width,
            String conv1,
            Norm norm2,
            String conv2,
            Drops drops,
            Columns target) {
        this(name, source, width, conv1, norm2, conv2, 1, drops, target);
    }

    /** Refuses what the fused 1x1 convolution cannot read. */
    public BottleneckLayer {
        requireNonNull(name, "name");
        requireNonNull(source, "source");
        requireNonNull(conv1, "conv1");
        requireNonNull(norm2, "norm2");
        requireNonNull(conv2, "conv2");
        requireNonNull(drops, "drops");
        requireNonNull(target, "target");
        if (width < 1) {
            throw new GraphException(
                    "the node '" + name + "' has a bottleneck of " + width + " channels");
        }
        if (groups < 1 || width % groups != 0 || target.count() % groups != 0) {
            throw new GraphException(
                    "the node '"
                            + name
                            + "' has a 3x3 convolution in "
                            + groups
                            + " groups: they have to divide its "
                            + width
                            + " inputs and its "
                            + target.count()
                            + " outputs");
        }
        if (source.ranges().size() > 1 || !source.relu()) {
            throw new GraphException(
                    "the node '"
                            + name
                            + "' has a bottleneck: it reads columns of one matrix, behind BN-ReLU");
        }
        Sizes.require(name, target.of(), source.height(), source.width());
    }

    /** {@return channels of the prefix, K} */
    public int prefixChannels() {
        return source.channels();
    }

    /** {@return channels that it appends, k} */
    public int growthRate() {
        return target.count();
    }

    @Override
    public List<Read> reads() {
        return List.of(source);
    }

    @Override
    public Optional<Columns> writes() {
        return Optional.of(target);
    }

    @Override
    public List<ParameterSpec> parameters() {
        return new Tensors()
                .norm(source)
                .convolution(conv1, width, source.channels(), 1, false)
                .norm(norm2, width)
                .convolution(conv2, target.count(), width / groups, 3, false)
                .list();
    }

    @Override
    public List<InnerNorm> innerNorms() {
        return List.of(new InnerNorm(norm2, width));
    }

    @Override
    public long innerValues() {
        return (long) target.of().pixels() * width;
    }

    @Override
    public long multiplyAdds() {
        long weights1 = (long) width * source.channels();
        long weights2 = 9L * (width / groups) * target.count();
        return target.of().pixels() * (weights1 + weights2);
    }

    @Override
    public List<Window> windows() {
        return List.of(Window.THREE);
    }
}

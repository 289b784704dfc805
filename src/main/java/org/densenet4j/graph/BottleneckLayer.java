package org.densenet4j.graph;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Optional;

/**
 * A dense layer with a bottleneck: BN-ReLU-Conv1x1-BN-ReLU-Conv3x3 over a column prefix (Huang et
 * al. 2017, section 3). The 3x3 convolution may be one in groups, as CondenseNet's (Huang et al.
 * 2018, arXiv 1711.09224, section 3): each of them makes its share of the new channels of its share
 * of the bottleneck's. With stride 2 it is a way down to the next scale, as MSDNet's (Huang et al.
 * 2018, arXiv 1703.09844, figure 9).
 *
 * @param name of the operation
 * @param source the prefix
 * @param width channels between the convolutions, 4k in the paper
 * @param conv1 name of the 1x1 convolution's tensors
 * @param norm2 of what is between the convolutions
 * @param conv2 name of the 3x3 convolution's tensors
 * @param groups of the 3x3 convolution, 1 where every new channel sees all of the bottleneck
 * @param stride of the 3x3 convolution
 * @param drops what of its output is dropped in training
 * @param target the k columns that it writes
 * @param outputNorm of the columns that it writes, where that is not up to their readers
 */
public record BottleneckLayer(
        String name,
        Read source,
        int width,
        String conv1,
        Norm norm2,
        String conv2,
        @IfAbsent(1) int groups,
        @IfAbsent(1) int stride,
        Drops drops,
        Columns target,
        Optional<Norm> outputNorm)
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
            Read source,
            int width,
            String conv1,
            Norm norm2,
            String conv2,
            Drops drops,
            Columns target) {
        this(name, source, width, conv1, norm2, conv2, 1, drops, target);
    }

    /**
     * A layer whose 3x3 convolution has stride 1 and whose output is normalised by its readers.
     *
     * @param name of the operation
     * @param source the prefix
     * @param width channels between the convolutions, 4k in the paper
     * @param conv1 name of the 1x1 convolution's tensors
     * @param norm2 of what is between the convolutions
     * @param conv2 name of the 3x3 convolution's tensors
     * @param groups of the 3x3 convolution
     * @param drops what of its output is dropped in training
     * @param target the k columns that it writes
     */
    public BottleneckLayer(
            String name,
            Read source,
            int width,
            String conv1,
            Norm norm2,
            String conv2,
            int groups,
            Drops drops,
            Columns target) {
        this(name, source, width, conv1, norm2, conv2, groups, 1, drops, target, Optional.empty());
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
        requireNonNull(outputNorm, "outputNorm");
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
        if (source.ranges().size() > 1 || !source.isBehindRelu()) {
            throw new GraphException(
                    "the node '"
                            + name
                            + "' has a bottleneck: it reads columns of one matrix, behind BN-ReLU");
        }
        Sizes.require(name, target.of(), new Window(3, stride, 1), source.height(), source.width());
    }

    /** {@return of the 3x3 convolution} */
    public Window window() {
        return new Window(3, stride, 1);
    }

    /** {@return pixels of an image between the convolutions} */
    public int innerPixels() {
        return source.height() * source.width();
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
                .norm(outputNorm, target)
                .list();
    }

    @Override
    public List<InnerNorm> innerNorms() {
        return List.of(new InnerNorm(norm2, width));
    }

    @Override
    public long innerValues() {
        return (long) innerPixels() * width;
    }

    @Override
    public long multiplyAdds() {
        long weights1 = (long) width * source.channels();
        long weights2 = 9L * (width / groups) * target.count();
        return innerPixels() * weights1 + target.of().pixels() * weights2;
    }

    @Override
    public List<Window> windows() {
        return List.of(window());
    }
}

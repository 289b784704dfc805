package org.densenet4j.graph;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Optional;

/**
 * A convolution: of an image, of features, or, behind BN-ReLU, of a column prefix, which makes it a
 * dense layer without bottleneck.
 *
 * @param name of the operation
 * @param source what it reads
 * @param window kernel, stride and padding
 * @param convolution name of its tensors
 * @param bias whether it has one
 * @param drops what of its output is dropped in training
 * @param target columns that it writes
 * @param outputNorm of the columns that it writes, where that is not up to their readers
 */
public record ConvolutionLayer(
        String name,
        Read source,
        Window window,
        String convolution,
        boolean bias,
        Drops drops,
        Columns target,
        Optional<Norm> outputNorm)
        implements Node {

    /**
     * One whose output is normalised by its readers, or not at all.
     *
     * @param name of the operation
     * @param source what it reads
     * @param window kernel, stride and padding
     * @param convolution name of its tensors
     * @param bias whether it has one
     * @param drops what of its output is dropped in training
     * @param target columns that it writes
     */
    public ConvolutionLayer(
            String name,
            Read source,
            Window window,
            String convolution,
            boolean bias,
            Drops drops,
            Columns target) {
        this(name, source, window, convolution, bias, drops, target, Optional.empty());
    }

    /** Refuses a target of another size than the convolution's output. */
    public ConvolutionLayer {
        requireNonNull(name, "name");
        requireNonNull(source, "source");
        requireNonNull(window, "window");
        requireNonNull(convolution, "convolution");
        requireNonNull(drops, "drops");
        requireNonNull(target, "target");
        requireNonNull(outputNorm, "outputNorm");
        Sizes.require(name, target.of(), window, source.height(), source.width());
    }

    /**
     * {@return one without bias and dropout, whose weight is {@code name.weight}}
     *
     * @param name the prefix of its tensors' names
     * @param source what is convolved
     * @param window kernel, stride and padding
     * @param target the columns that are written
     */
    public static ConvolutionLayer of(String name, Read source, Window window, Columns target) {
        return new ConvolutionLayer(name, source, window, name, false, Drops.NOTHING, target);
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
                .convolution(convolution, target.count(), source.channels(), window.kernel(), bias)
                .norm(outputNorm, target)
                .list();
    }

    @Override
    public long multiplyAdds() {
        return (long) target.of().pixels()
                * target.count()
                * source.channels()
                * window.kernel()
                * window.kernel();
    }

    @Override
    public List<Window> windows() {
        return List.of(window);
    }
}

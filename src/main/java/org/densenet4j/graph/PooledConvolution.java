package org.densenet4j.graph;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Optional;

/**
 * The stem for large images: a convolution, BN-ReLU, and a 3x3 max-pool with stride 2 (Huang et al.
 * 2017, table 1). What is between convolution and pool is four times as large as all the rest, and
 * its node's own: it need not be stored.
 *
 * @param name of the operation
 * @param source what it reads
 * @param window of the convolution
 * @param convolution name of its tensors
 * @param bias whether it has one, which its normalisation takes away again in training
 * @param norm of the convolution's output
 * @param target columns that it writes
 */
public record PooledConvolution(
        String name,
        Read.Raw source,
        Window window,
        String convolution,
        @IfAbsent(0) boolean bias,
        Norm norm,
        Columns target)
        implements Node {

    private static final Window POOL = new Window(3, 2, 1);

    /**
     * One without bias.
     *
     * @param name of the operation
     * @param source what it reads
     * @param window of the convolution
     * @param convolution name of its tensors
     * @param norm of the convolution's output
     * @param target columns that it writes
     */
    public PooledConvolution(
            String name,
            Read.Raw source,
            Window window,
            String convolution,
            Norm norm,
            Columns target) {
        this(name, source, window, convolution, false, norm, target);
    }

    /** Refuses a target of another size than the pool's output. */
    public PooledConvolution {
        requireNonNull(name, "name");
        requireNonNull(source, "source");
        requireNonNull(window, "window");
        requireNonNull(convolution, "convolution");
        requireNonNull(norm, "norm");
        requireNonNull(target, "target");
        Sizes.require(
                name,
                target.of(),
                POOL,
                window.output(source.height()),
                window.output(source.width()));
    }

    /** {@return rows of pixels between convolution and pool} */
    public int convolvedHeight() {
        return window.output(source.height());
    }

    /** {@return columns of pixels between convolution and pool} */
    public int convolvedWidth() {
        return window.output(source.width());
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
                .convolution(convolution, target.count(), source.channels(), window.kernel(), bias)
                .norm(norm, target.count())
                .list();
    }

    @Override
    public List<InnerNorm> innerNorms() {
        return List.of(new InnerNorm(norm, target.count()));
    }

    @Override
    public long multiplyAdds() {
        return (long) convolvedHeight()
                * convolvedWidth()
                * target.count()
                * source.channels()
                * window.kernel()
                * window.kernel();
    }

    @Override
    public List<Window> windows() {
        return List.of(window, POOL);
    }
}

package org.densenet4j.graph;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Optional;

/**
 * A transition down of FC-DenseNet: BN-ReLU, 1x1 convolution with bias, dropout, 2x2 max-pool with
 * odd edges dropped (Jégou et al. 2017, arXiv 1611.09326, table 1). Dropout comes before the pool:
 * the two cannot be exchanged.
 *
 * @param name of the operation
 * @param source what it reads
 * @param convolution name of its tensors
 * @param drops what of the convolution's output is dropped in training
 * @param target columns that it writes
 */
public record TransitionDown(
        String name, Read.Normalised source, String convolution, Drops drops, Columns target)
        implements Node {

    /** The pool. */
    public static final Window POOL = new Window(2, 2, 0);

    /** Refuses a target of another size than the pool's output. */
    public TransitionDown {
        requireNonNull(name, "name");
        requireNonNull(source, "source");
        requireNonNull(convolution, "convolution");
        requireNonNull(drops, "drops");
        requireNonNull(target, "target");
        Sizes.require(name, target.of(), POOL, source.height(), source.width());
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
                .convolution(convolution, target.count(), source.channels(), 1, true)
                .list();
    }

    @Override
    public long multiplyAdds() {
        return (long) source.height() * source.width() * source.channels() * target.count();
    }

    @Override
    public List<Window> windows() {
        return List.of(POOL);
    }
}

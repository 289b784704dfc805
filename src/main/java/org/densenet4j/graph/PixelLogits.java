package org.densenet4j.graph;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Optional;

/**
 * A head for every pixel without weights of its own: its logits are what it reads. Behind a batch
 * normalisation of a convolution's output it is a head of a detector after DSOD (Shen et al. 2017,
 * arXiv 1708.01241), several of which may share the convolution.
 *
 * @param name of the operation
 * @param source what it reads
 */
public record PixelLogits(String name, Read source) implements PixelHead {
    /** Checks that nothing is missing. */
    public PixelLogits {
        requireNonNull(name, "name");
        requireNonNull(source, "source");
    }

    @Override
    public int classes() {
        return source.channels();
    }

    @Override
    public List<Read> reads() {
        return List.of(source);
    }

    @Override
    public Optional<Columns> writes() {
        return Optional.empty();
    }

    @Override
    public List<ParameterSpec> parameters() {
        return new Tensors().norm(source).list();
    }

    @Override
    public long multiplyAdds() {
        return 0;
    }

    @Override
    public List<Window> windows() {
        return List.of();
    }

    @Override
    public boolean readsAgain(Read read) {
        return requireNonNull(read, "read").isNormalised();
    }
}

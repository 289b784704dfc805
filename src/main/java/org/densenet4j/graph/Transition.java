package org.densenet4j.graph;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Optional;

/**
 * A transition between two dense blocks: BN-ReLU-Conv1x1 and a 2x2 average pool, odd edges dropped
 * (Huang et al. 2017, section 3).
 *
 * @param name of the operation
 * @param source what it reads
 * @param convolution name of the 1x1 convolution's tensors
 * @param target columns that it writes
 */
public record Transition(String name, Read.Normalised source, String convolution, Columns target)
        implements Node {

    private static final Window POOL = new Window(2, 2, 0);

    /** Refuses a target of another size than the pool's output. */
    public Transition {
        requireNonNull(name, "name");
        requireNonNull(source, "source");
        requireNonNull(convolution, "convolution");
        requireNonNull(target, "target");
        if (source.ranges().size() > 1 || !source.relu()) {
            throw new GraphException(
                    "the node '"
                            + name
                            + "' is a transition: it reads columns of one matrix, behind BN-ReLU");
        }
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
                .convolution(convolution, target.count(), source.channels(), 1, false)
                .list();
    }

    /** Counted before the pool, as the papers define it. */
    @Override
    public long multiplyAdds() {
        return (long) source.height() * source.width() * source.channels() * target.count();
    }

    @Override
    public List<Window> windows() {
        return List.of(POOL);
    }
}

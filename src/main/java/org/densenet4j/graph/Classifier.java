package org.densenet4j.graph;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Optional;

/**
 * A head for whole images: global average pool of what is read, mostly behind BN-ReLU, and a linear
 * classifier.
 *
 * @param name of the operation
 * @param source what it reads
 * @param norm layer normalisation of the means, which RDNets have; mostly none
 * @param linear name of the classifier's tensors
 * @param classes outputs
 */
public record Classifier(
        String name, Read source, Optional<LayerNorm> norm, String linear, int classes)
        implements Node {

    /**
     * One without a layer normalisation.
     *
     * @param name of the operation
     * @param source what it reads
     * @param linear name of the classifier's tensors
     * @param classes outputs
     */
    public Classifier(String name, Read source, String linear, int classes) {
        this(name, source, Optional.empty(), linear, classes);
    }

    /** Refuses a classifier without classes. */
    public Classifier {
        requireNonNull(name, "name");
        requireNonNull(source, "source");
        requireNonNull(norm, "norm");
        requireNonNull(linear, "linear");
        if (classes < 1) {
            throw new GraphException("the node '" + name + "' has " + classes + " classes");
        }
        if (source.ranges().size() > 1 || source.isNormalised() && !source.isBehindRelu()) {
            throw new GraphException(
                    "the node '"
                            + name
                            + "' is a classifier: it reads columns of one matrix, as they are or behind BN-ReLU");
        }
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
        Tensors tensors = new Tensors().norm(source);
        norm.ifPresent(n -> tensors.norm(n, source.channels()));
        return tensors.linear(linear, classes, source.channels()).list();
    }

    @Override
    public long multiplyAdds() {
        return (long) source.channels() * classes;
    }

    @Override
    public List<Window> windows() {
        return List.of(new Window(Math.max(source.height(), source.width()), 1, 0));
    }
}

package org.densenet4j.graph;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Optional;

/**
 * A head for every pixel: a 1x1 convolution with bias to the classes (Jégou et al. 2017, arXiv
 * 1611.09326, section 4). Its logits are [N·H·W, classes].
 *
 * @param name of the operation
 * @param source what it reads
 * @param convolution name of its tensors
 * @param classes outputs
 */
public record PixelClassifier(String name, Read source, String convolution, int classes)
        implements PixelHead {

    /** Refuses a classifier without classes. */
    public PixelClassifier {
        requireNonNull(name, "name");
        requireNonNull(source, "source");
        requireNonNull(convolution, "convolution");
        if (classes < 1) {
            throw new GraphException("the node '" + name + "' has " + classes + " classes");
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
        return new Tensors()
                .norm(source)
                .convolution(convolution, classes, source.channels(), 1, true)
                .list();
    }

    @Override
    public long multiplyAdds() {
        return (long) source.height() * source.width() * source.channels() * classes;
    }

    @Override
    public List<Window> windows() {
        return List.of(Window.POINT);
    }
}

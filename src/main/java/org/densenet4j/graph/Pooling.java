package org.densenet4j.graph;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Optional;

/**
 * A pool into columns of a matrix of its own: its outputs have statistics of their own, which do
 * not follow from those of its inputs.
 *
 * @param name of the operation
 * @param source what it reads
 * @param kind how values of a window become one
 * @param window kernel, stride and padding
 * @param target columns that it writes
 */
public record Pooling(String name, Read source, Kind kind, Window window, Columns target)
        implements Node {

    /** How the values of a window become one. */
    public enum Kind {
        /** The largest. */
        MAX,
        /**
         * The largest, also of the windows that reach over the last row or column: Caffe's pools
         * and PyTorch's with {@code ceil_mode}.
         */
        MAX_OF_ALL,
        /** Their mean. */
        AVERAGE,
        /**
         * The largest of every window with stride 1, then the binomial filter [1, 2, 1]⊗[1, 2,
         * 1]/16 with the pool's stride, 2 (Zhang 2019, arXiv 1904.11486, as timm has it).
         */
        MAX_THEN_BLUR
    }

    /** Refuses a target of another size than the pool's output. */
    public Pooling {
        requireNonNull(name, "name");
        requireNonNull(source, "source");
        requireNonNull(kind, "kind");
        requireNonNull(window, "window");
        requireNonNull(target, "target");
        if (source.channels() != target.count()) {
            throw new GraphException(
                    "the pool '"
                            + name
                            + "' reads "
                            + source.channels()
                            + " channels and writes "
                            + target.count());
        }
        if (kind == Kind.MAX_THEN_BLUR && !window.equals(new Window(3, 2, 1))) {
            throw new GraphException(
                    "the pool '" + name + "' blurs: its window is 3, with stride 2 and padding 1");
        }
        if (kind == Kind.MAX_THEN_BLUR && (source.height() < 2 || source.width() < 2)) {
            throw new GraphException(
                    "the pool '" + name + "' blurs: it reads at least 2x2 pixels, to reflect");
        }
        Sizes.require(
                name,
                target.of(),
                output(kind, window, source.height()),
                output(kind, window, source.width()));
    }

    private static int output(Kind kind, Window window, int size) {
        return kind == Kind.MAX_OF_ALL ? window.outputOfAll(size) : window.output(size);
    }

    /**
     * {@return pixels of the output along one side}
     *
     * @param size pixels of the image along it
     */
    public int output(int size) {
        return output(kind, window, size);
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
        return new Tensors().norm(source).list();
    }

    @Override
    public long multiplyAdds() {
        return 0;
    }

    @Override
    public List<Window> windows() {
        return kind == Kind.MAX_THEN_BLUR
                ? List.of(Window.THREE, new Window(3, 2, 1))
                : List.of(window);
    }

    /** Where the largest was is found again; a mean needs no values unless it is of a ReLU. */
    @Override
    public boolean readsAgain(Read read) {
        requireNonNull(read, "read");
        return kind != Kind.AVERAGE || source.isNormalised();
    }
}

package org.densenet4j.graph;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * What a node reads: columns in the order of the node's weights, as they are or normalised. They
 * may lie in several matrices of the same size, so that a skip connection costs no copy.
 */
public sealed interface Read {
    /** {@return the columns, in the order in which the node's weights count its input channels} */
    List<Columns> ranges();

    /**
     * The columns as they are.
     *
     * @param ranges the columns that are read, in the order of the weights that multiply them
     */
    record Raw(List<Columns> ranges) implements Read {
        /** Refuses columns of matrices of different sizes. */
        public Raw {
            ranges = checked(ranges);
        }
    }

    /**
     * The columns behind a batch normalisation of the reader's own.
     *
     * @param ranges the columns that are read, in the order of the weights that multiply them
     * @param norm gamma, beta and running statistics, one for each column
     * @param relu whether a ReLU follows
     */
    record Normalised(List<Columns> ranges, Norm norm, boolean relu) implements Read {
        /** Refuses columns of matrices of different sizes. */
        public Normalised {
            Objects.requireNonNull(norm, "norm");
            ranges = checked(ranges);
        }
    }

    /**
     * The columns behind the batch normalisations of those who wrote them, and a ReLU. Columns of a
     * {@link PooledConvolution}, which are behind both already, arrive as they are.
     *
     * @param ranges the columns that are read, in the order of the weights that multiply them
     */
    record Activated(List<Columns> ranges) implements Read {
        /** Refuses columns of matrices of different sizes. */
        public Activated {
            ranges = checked(ranges);
        }
    }

    /**
     * The columns behind an L2 normalisation of each pixel. It is of one matrix, since all channels
     * of a pixel have a part in its norm.
     *
     * @param ranges the columns that are read, in the order of the weights that multiply them
     * @param norm its scales, one for each column
     */
    record L2Normalised(List<Columns> ranges, L2Norm norm) implements Read {
        /** Refuses columns of several matrices. */
        public L2Normalised {
            Objects.requireNonNull(norm, "norm");
            ranges = checked(ranges);
            if (ranges.size() > 1) {
                throw new GraphException(
                        "'" + norm.name() + "' normalises pixels: it reads columns of one matrix");
            }
        }
    }

    /**
     * {@return columns as they are}
     *
     * @param ranges the columns that are read, in the order of the weights that multiply them
     */
    static Raw raw(Columns... ranges) {
        return new Raw(Arrays.asList(Objects.requireNonNull(ranges, "ranges")));
    }

    /**
     * {@return columns behind a batch normalisation and a ReLU}
     *
     * @param norm the batch normalisation that stands before
     * @param ranges the columns that are read, in the order of the weights that multiply them
     */
    static Normalised normalisedRelu(Norm norm, Columns... ranges) {
        return new Normalised(Arrays.asList(Objects.requireNonNull(ranges, "ranges")), norm, true);
    }

    /**
     * {@return columns behind a batch normalisation}
     *
     * @param norm the batch normalisation that stands before
     * @param ranges the columns that are read, in the order of the weights that multiply them
     */
    static Normalised normalised(Norm norm, Columns... ranges) {
        return new Normalised(Arrays.asList(Objects.requireNonNull(ranges, "ranges")), norm, false);
    }

    /**
     * {@return columns behind the batch normalisations of those who wrote them, and a ReLU}
     *
     * @param ranges the columns that are read, in the order of the weights that multiply them
     */
    static Activated activated(Columns... ranges) {
        return new Activated(Arrays.asList(Objects.requireNonNull(ranges, "ranges")));
    }

    /**
     * {@return columns behind an L2 normalisation of each pixel}
     *
     * @param norm the L2 normalisation that stands before
     * @param columns the columns that are read, in the order of the weights that multiply them
     */
    static L2Normalised l2Normalised(L2Norm norm, Columns columns) {
        return new L2Normalised(List.of(Objects.requireNonNull(columns, "columns")), norm);
    }

    /** {@return whether a batch normalisation stands before what is read, whosever it is} */
    default boolean isNormalised() {
        return this instanceof Normalised || this instanceof Activated;
    }

    /** {@return whether what is read comes out of a ReLU} */
    default boolean isBehindRelu() {
        return switch (this) {
            case Raw _, L2Normalised _ -> false;
            case Normalised n -> n.relu();
            case Activated _ -> true;
        };
    }

    /** {@return channels that are read} */
    default int channels() {
        return ranges().stream().mapToInt(Columns::count).reduce(0, Math::addExact);
    }

    /** {@return rows of pixels} */
    default int height() {
        return ranges().getFirst().of().height();
    }

    /** {@return columns of pixels} */
    default int width() {
        return ranges().getFirst().of().width();
    }

    private static List<Columns> checked(List<Columns> ranges) {
        for (Columns c : Objects.requireNonNull(ranges, "ranges")) {
            Objects.requireNonNull(c, "ranges");
        }
        List<Columns> copy = List.copyOf(ranges);
        if (copy.isEmpty()) {
            throw new GraphException("a read without columns");
        }
        Features first = copy.getFirst().of();
        for (Columns c : copy) {
            if (c.of().height() != first.height() || c.of().width() != first.width()) {
                throw new GraphException(
                        "one read of " + first + " and " + c.of() + ", which differ in size");
            }
        }
        return copy;
    }
}

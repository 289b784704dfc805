package org.densenet4j.spec;

import java.util.List;
import java.util.Optional;

/** What the fields of every kind of network must be. */
final class FieldChecks {
    static final int LARGEST = 1 << 20;

    /** Far beyond any published network; sizes grow with the square of the depth. */
    private static final int MOST_LAYERS = 4096;

    private static final int MOST_CHANNELS = 1 << 24;

    private FieldChecks() {}

    static void require(boolean condition, String message) {
        if (!condition) {
            throw new IllegalArgumentException(message);
        }
    }

    /**
     * The preset that was found.
     *
     * @param names those that there are
     */
    static <B> B known(Optional<B> preset, String name, String names) {
        return preset.orElseThrow(
                () -> new IllegalArgumentException("no model named '" + name + "'; use " + names));
    }

    static int positive(String field, int value) {
        require(
                value > 0 && value <= LARGEST,
                field + " = " + value + ": use a number from 1 to " + LARGEST);
        return value;
    }

    /** Layers of each block: at least one, and not too many in all. */
    static void layers(String field, List<Integer> blocks) {
        blocks.forEach(layers -> positive(field, layers));
        long layers = blocks.stream().mapToLong(Integer::longValue).sum();
        require(
                layers <= MOST_LAYERS,
                field + " adds up to " + layers + " layers: use at most " + MOST_LAYERS);
    }

    /**
     * Channels of a matrix of features.
     *
     * @param where what would have them
     * @param mend what makes them fewer
     */
    static int channels(String where, long count, String mend) {
        require(
                count <= MOST_CHANNELS,
                where
                        + " would have "
                        + count
                        + " channels, more than "
                        + MOST_CHANNELS
                        + "; use "
                        + mend);
        return (int) count;
    }

    static void probability(String field, double value) {
        require(
                value >= 0 && value < 1,
                field + " = " + value + ": use a number from 0 to below 1");
    }

    static void normalisation(double epsilon, double momentum) {
        require(
                epsilon > 0 && epsilon < 1,
                "bnEpsilon = " + epsilon + ": use a small positive number such as 1e-5");
        require(
                momentum > 0 && momentum <= 1,
                "bnMomentum = " + momentum + ": use a number above 0 and up to 1, such as 0.1");
    }
}

package org.densenet4j.inference;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;

/**
 * At which largest probability an image leaves at each exit, which the last one has none of:
 * budgeted batch classification (Huang et al. 2018, arXiv 1703.09844, section 3).
 *
 * @param least of each exit but the last; infinite where no image leaves
 */
public record ExitThresholds(List<Double> least) {
    /** Keeps a copy. */
    public ExitThresholds {
        least = List.copyOf(Objects.requireNonNull(least, "least"));
    }

    /**
     * {@return the thresholds that let shares of images leave at each exit that are proportional to
     * {@code q}, {@code q²} and so on, as the authors' code finds them}
     *
     * @param heldOut what the network says of images that it was not trained on
     * @param q above 0: small for images that leave early
     * @throws IllegalArgumentException when q is no such number
     */
    public static ExitThresholds of(ExitEvaluation heldOut, double q) {
        Objects.requireNonNull(heldOut, "heldOut");
        if (!(q > 0) || Double.isInfinite(q)) {
            throw new IllegalArgumentException("q = " + q + ": use a number above 0");
        }
        int exits = heldOut.exits().size();
        int images = heldOut.images();
        double sum = IntStream.rangeClosed(1, exits).mapToDouble(i -> Math.pow(q, i)).sum();
        boolean[] left = new boolean[images];
        List<Double> thresholds = new ArrayList<>();
        for (int exit = 0; exit < exits - 1; exit++) {
            int e = exit;
            int leaving = (int) Math.floor(images * Math.pow(q, exit + 1) / sum);
            List<Integer> there =
                    new ArrayList<>(
                            IntStream.range(0, images).filter(i -> !left[i]).boxed().toList());
            Comparator<Integer> confidence =
                    Comparator.comparingDouble(i -> heldOut.confidence(e, i));
            there.sort(Collections.reverseOrder(confidence));
            double threshold =
                    leaving < 1 || leaving > there.size()
                            ? Double.POSITIVE_INFINITY
                            : heldOut.confidence(e, there.get(leaving - 1));
            thresholds.add(threshold);
            for (int i = 0; i < images; i++) {
                left[i] |= heldOut.confidence(e, i) >= threshold;
            }
        }
        return new ExitThresholds(thresholds);
    }

    /**
     * {@return the same threshold at every exit}
     *
     * @param probability of the most probable class, above 0 and up to 1
     * @param exits of the network
     * @throws IllegalArgumentException when it is no such number, or there are no exits
     */
    public static ExitThresholds ofConfidence(double probability, int exits) {
        if (!(probability > 0 && probability <= 1)) {
            throw new IllegalArgumentException(
                    "probability = " + probability + ": use a number above 0 and up to 1");
        }
        if (exits < 1) {
            throw new IllegalArgumentException("exits = " + exits + ": use 1 or more");
        }
        return new ExitThresholds(Collections.nCopies(exits - 1, probability));
    }

    /** Whether an image leaves. */
    boolean leaves(int exit, double confidence) {
        return exit >= least.size() || confidence >= least.get(exit);
    }

    /** Refuses thresholds of another network. */
    void requireFor(List<Exit> exits) {
        if (least.size() != exits.size() - 1) {
            throw new IllegalArgumentException(
                    "thresholds of "
                            + (least.size() + 1)
                            + " exits for a network of "
                            + exits.size()
                            + ": find them with that network");
        }
    }
}
